"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Theme and place live in the address: #anchor&theme=dark
  const [anchor, ...settings] = location.hash.slice(1).split("&");
  const state = { anchor, theme: new URLSearchParams(settings.join("&")).get("theme") };
  const isDark = () => (state.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const remember = () => {
    const theme = state.theme ? `&theme=${state.theme}` : "";
    history.replaceState(null, "", state.anchor || theme ? `#${state.anchor}${theme}` : location.pathname + location.search);
  };

  // Charts: each name of a CSS variable becomes the colour it stands for in this theme.
  const { layout: common, figures } = JSON.parse(document.getElementById("figures").textContent);
  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  const colours = new Map();
  const colour = (name) => {
    if (!colours.has(name)) {
      probe.style.color = `var(${name})`;
      colours.set(name, getComputedStyle(probe).color);
    }
    return colours.get(name);
  };
  const coloured = (value) => {
    if (typeof value === "string") return /^var\(--[\w-]+\)$/.test(value) ? colour(value.slice(4, -1)) : value;
    if (Array.isArray(value)) return value.map(coloured);
    return value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v)])) : value;
  };
  const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", displayModeBar: false, responsive: true };
  const draw = (place) => {
    const { data, layout, template } = coloured({ ...figures[place.dataset.figure], template: { layout: common } });
    Plotly.react(place, data, { ...layout, template }, config);
  };
  const drawAll = () => all(".chart").forEach(draw);
  const dress = () => {
    if (state.theme) root.dataset.theme = state.theme;
    colours.clear();
    all(".chart.js-plotly-plot").forEach(draw);
  };
  const waiting = all(".chart");
  waiting.forEach((place) => { place.style.minHeight = `${figures[place.dataset.figure].layout.height}px`; });
  const drawNext = () => {
    if (!waiting.length) return;
    draw(waiting.shift());
    setTimeout(drawNext); // one at a time, so that the page answers in between
  };
  document.getElementById("theme").addEventListener("click", () => {
    state.theme = isDark() ? "light" : "dark";
    remember();
    dress();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
  addEventListener("beforeprint", drawAll);
  matchMedia("print").addEventListener("change", drawAll);
  document.getElementById("print").addEventListener("click", () => print());
  addEventListener("hashchange", () => {
    const next = location.hash.slice(1).split("&")[0];
    if (document.getElementById(next)) state.anchor = next;
    remember();
  });

  // Tables: sort by a column's head, filter, and save as CSV.
  const raw = (cell) => cell.dataset.raw ?? (cell.classList.contains("number") ? cell.textContent.replaceAll(",", "") : cell.textContent);
  const compare = (a, b, isNumber) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return isNumber ? a - b : a.localeCompare(b, "en", { numeric: true });
  };
  const sort = (head) => {
    const place = head.cellIndex;
    const sign = head.ariaSort === "ascending" ? -1 : 1;
    const isNumber = head.classList.contains("number");
    const body = head.closest("table").tBodies[0];
    all("th", head.parentNode).forEach((other) => other.removeAttribute("aria-sort"));
    head.ariaSort = sign > 0 ? "ascending" : "descending";
    const values = new Map([...body.rows].map((row) => [row, raw(row.cells[place])]));
    body.append(...[...body.rows].sort((a, b) => sign * compare(values.get(a), values.get(b), isNumber)));
  };
  const filter = (section, text) => {
    const wanted = text.toLowerCase();
    const rows = [...section.querySelector("tbody").rows];
    rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
    const status = section.querySelector(".rows");
    status.dataset.all ??= status.textContent;
    status.textContent = wanted ? `${rows.filter((row) => !row.hidden).length} of ${status.dataset.all}` : status.dataset.all;
  };
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = (section) => {
    const heads = all("th", section).map((head) => head.dataset.column);
    const rows = all("tbody tr:not([hidden])", section).map((row) => [...row.cells].map(raw));
    return [heads, ...rows].map((cells) => cells.map(quoted).join(",") + "\n").join("");
  };
  const save = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  all("th button").forEach((button) => button.addEventListener("click", () => sort(button.parentNode)));
  all("section").forEach((section) => {
    section.querySelector("input[type=search]")?.addEventListener("input", (event) => filter(section, event.target.value));
    section.querySelector(".csv")?.addEventListener("click", () => save(`${section.id}.csv`, csv(section)));
    const copy = section.querySelector(".copy");
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(section.querySelector("pre").textContent);
      copy.textContent = "Copied";
    });
  });

  dress();
  setTimeout(drawNext); // the page is ready before its charts
  if (state.anchor) document.getElementById(state.anchor)?.scrollIntoView();
})();
