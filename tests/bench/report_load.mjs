// Opens a report in Chromium again and again, and prints for each time when it was loaded and when its last chart was drawn.
// node report_load.mjs CHROMIUM REPORT SCRATCH TIMES
import path from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, report, scratch, times] = process.argv.slice(2);
const address = pathToFileURL(report).href;
const browser = await puppeteer.launch({
  executablePath,
  headless: true,
  userDataDir: path.join(scratch, "profile"),
  args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});

// Within the page, so that no round trip to it counts.
const watch = () => {
  const look = () => {
    const charts = [...document.querySelectorAll(".chart")];
    const done = document.readyState === "complete" && charts.every((chart) => chart.querySelector(".main-svg"));
    if (done) window.drawnAt = performance.now();
    else setTimeout(look, 5);
  };
  look();
};

const seen = [];
for (let round = 0; round <= Number(times); round += 1) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  await page.evaluateOnNewDocument(watch);
  await page.goto(address);
  await page.waitForFunction(() => window.drawnAt, { timeout: 120_000 });
  const one = await page.evaluate(() => ({
    painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    loaded: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    drawn: window.drawnAt,
  }));
  if (round) seen.push(one); // the first one starts the browser's own engines
  await page.close();
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
