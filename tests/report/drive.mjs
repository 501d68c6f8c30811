// Opens a report in Chromium, does what a reader does, and prints what happened as JSON.
// node drive.mjs CHROMIUM REPORT SCRATCH
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [chromium, report, scratch] = process.argv.slice(2);
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const address = pathToFileURL(report).href;
const seen = { console: [], requests: [], axe: {} };

const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  userDataDir: path.join(scratch, "profile"),
  args: [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

async function open(hash = "", theme = "light", width = 1280) {
  const page = await browser.newPage();
  page.on("console", (message) => seen.console.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => seen.console.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) seen.requests.push(request.url());
  });
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(address + hash);
  return page;
}

async function scrollThrough(page) {
  for (const chart of await page.$$(".chart")) {
    await chart.evaluate((place) => place.scrollIntoView({ block: "center" }));
    await chart.waitForSelector(".main-svg", { timeout: 20_000 });
  }
}

const charts = (page) => page.$$eval(".chart", (places) => places.map((place) => ({
  name: place.dataset.figure,
  marks: place.querySelectorAll(".barlayer .point path, .heatmaplayer image").length,
  ticks: [...place.querySelectorAll(".ytick text")].map((tick) => tick.textContent),
  config: (({ showSendToCloud, plotlyServerURL, displaylogo }) => ({ showSendToCloud, plotlyServerURL, displaylogo }))(place._context ?? {}),
})));

async function checkAxe(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ""}`).join("; ")}`);
  return { passes: passes.length, violations: found };
}

// What a reader sees, in both themes.
for (const theme of ["light", "dark"]) {
  const page = await open("", theme);
  await scrollThrough(page);
  seen[theme] = {
    charts: await charts(page),
    paper: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    ink: await page.$eval(".chart .xtick text", (tick) => tick.style.fill),
  };
  await page.$$eval("details", (all) => all.forEach((one) => { one.open = true; }));
  seen.axe[theme] = await checkAxe(page);
  await page.close();
}

// On a phone nothing is wider than the page.
const phone = await open("", "light", 390);
seen.phone = await phone.evaluate(() => ({ wide: document.documentElement.scrollWidth, window: innerWidth }));
await phone.close();

// Hover, sort, filter, CSV, copy, anchors, theme.
const page = await open();
await scrollThrough(page);
const spot = await page.$eval("#labels .chart", (place) => {
  place.scrollIntoView({ block: "center" });
  const boxes = [...place.querySelectorAll(".barlayer .point path")].map((mark) => mark.getBoundingClientRect());
  const widest = boxes.reduce((a, b) => (a.width > b.width ? a : b));
  return [widest.x + widest.width / 2, widest.y + widest.height / 2];
});
await page.mouse.move(...spot, { steps: 3 });
await page.waitForSelector("#labels .hovertext");
seen.hover = await page.$eval("#labels .hovertext", (label) => label.textContent);

await page.evaluate(() => document.querySelectorAll("#pods .chart")[2].scrollIntoView({ block: "center" }));
const cell = await page.evaluate(() => {
  const box = document.querySelectorAll("#pods .chart")[2].querySelector(".heatmaplayer image").getBoundingClientRect();
  return [box.x + box.width * 0.75, box.y + box.height * 0.25];
});
await page.mouse.move(...cell, { steps: 3 });
await page.waitForSelector("#pods .hovertext");
seen.hostileHover = await page.$eval("#pods .hovertext", (label) => label.textContent);

const column = (name) => page.$$eval(`#pods td:nth-child(${name})`, (cells) => cells.filter((c) => !c.parentNode.hidden).map((c) => c.dataset.raw ?? (c.className === "number" ? c.textContent.replaceAll(",", "") : c.textContent)));
const place = 1 + await page.$$eval("#pods th", (heads) => heads.findIndex((head) => head.dataset.column === "connection_count"));
const head = `#pods th:nth-child(${place}) button`;
const click = (selector) => page.$eval(selector, (button) => button.click());
await click(head);
seen.ascending = await column(place);
seen.sorted = await page.$eval(`#pods th:nth-child(${place})`, (th) => th.getAttribute("aria-sort"));
await click(head);
seen.descending = await column(place);
await page.type("#pods input[type=search]", "x7427");
seen.filtered = await column(2);
seen.status = await page.$eval("#pods .rows", (status) => status.textContent);

const session = await page.createCDPSession();
await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: scratch });
await click("#labels .csv");
const csv = path.join(scratch, "labels.csv");
for (let tries = 0; tries < 100 && !fs.existsSync(csv); tries += 1) await new Promise((done) => setTimeout(done, 50));
seen.csv = fs.readFileSync(csv, "utf8");

await browser.defaultBrowserContext().overridePermissions(new URL(address).origin, ["clipboard-read", "clipboard-write"]).catch(() => {});
await page.bringToFront();
await page.$eval("#hops .sql", (details) => { details.open = true; });
await click("#hops .copy");
seen.copied = await page.waitForFunction(() => document.querySelector("#hops .copy").textContent !== "Copy", { timeout: 5000 })
  .then(() => page.$eval("#hops .copy", (button) => button.textContent));

await page.$eval("nav a[href='#rejects']", (link) => link.click());
await click("#theme");
seen.hash = await page.evaluate(() => location.hash);
seen.theme = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
await page.close();

const again = await open("#rejects&theme=dark");
await new Promise((done) => setTimeout(done, 300));
seen.again = await again.evaluate(() => ({
  paper: getComputedStyle(document.body).backgroundColor,
  top: document.getElementById("rejects").getBoundingClientRect().top,
  height: innerHeight,
}));
await again.close();

// Print from a dark page that was never scrolled.
const printed = await open("", "dark");
const pdf = await printed.pdf({ preferCSSPageSize: true });
seen.pdf = { head: String.fromCharCode(...pdf.slice(0, 5)), bytes: pdf.length };
seen.pdf.undrawn = (await charts(printed)).filter((chart) => !chart.marks).map((chart) => chart.name);
await printed.close();

// Last, because it must complain: a script that is not listed does not run.
const clean = seen.console.length;
const foreign = await open();
seen.foreign = await foreign.evaluate(async () => {
  const script = document.createElement("script");
  script.textContent = "window.foreign = true";
  document.head.append(script);
  const reached = await fetch("http://127.0.0.1:9/").then(() => true, () => false);
  return { ran: window.foreign === true, reached };
});
seen.complaints = seen.console.splice(clean).length;
await browser.close();
process.stdout.write(JSON.stringify(seen));
