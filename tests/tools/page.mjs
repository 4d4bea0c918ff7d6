// Looks at pages with a real Chromium, the way people do: in light and dark, on a wide and a narrow screen, by
// keyboard, with and without JavaScript, and with axe-core for what screen readers need.
//
// Reads what to do as JSON on stdin, and writes what it saw as JSON on stdout. tests/run says where the
// browser (CHROMIUM) and the folder with puppeteer-core and axe-core (BROWSER_MODULES) are.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import process from "node:process";

const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const task = JSON.parse(readFileSync(0, "utf8"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
});
try {
  const seen = [];
  for (const visit of task.visits) seen.push(await look(visit));
  process.stdout.write(JSON.stringify({ seen, searched: task.search ? await search(task.search) : [] }));
} finally {
  await browser.close();
}

/** A fresh page that notes all that goes wrong on it. */
async function open({ scheme = "light", width = 1280, height = 900, javascript = true }) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (["error", "warn", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => wrong.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  const session = await page.createCDPSession();
  await session.send("Audits.enable");
  session.on("Audits.issueAdded", ({ issue }) => wrong.push(`issue: ${issue.code} ${JSON.stringify(issue.details)}`));
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setJavaScriptEnabled(javascript);
  return { context, page, wrong };
}

/** Looks at one page. */
async function look(visit) {
  const { context, page, wrong } = await open(visit);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const answer = await page.goto(visit.url, { waitUntil: "load" });
  const seen = await page.evaluate(() => ({
    title: document.title,
    text: document.body.innerText,
    width: document.documentElement.scrollWidth,
    room: document.documentElement.clientWidth,
    back: getComputedStyle(document.body).backgroundColor,
    links: [...document.querySelectorAll("[href], [src], [action]")].map((element) =>
      element.getAttribute("href") ?? element.getAttribute("src") ?? element.getAttribute("action")),
    headings: [...document.querySelectorAll("h1, h2, h3, h4")].map((element) => Number(element.localName[1])),
  }));
  if (visit.screenshot) await page.screenshot({ path: visit.screenshot, clip: { x: 0, y: 0, width: visit.width, height: visit.height } });
  const checked = await violations(page);
  const focused = await keyboard(page);
  await context.close();
  return { visit, status: answer.status(), headers: answer.headers(), wrong, requests, ...seen, violations: checked, focused };
}

/** What axe-core finds wrong, by all of WCAG 2.2 at level AA and its best practices. */
async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  return found.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 5).map((node) => node.html) }));
}

/** What the first strokes of Tab lead to, and whether one sees it. */
async function keyboard(page) {
  const focused = [];
  for (let stroke = 0; stroke < 12; stroke += 1) {
    await page.keyboard.press("Tab");
    const next = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null; // All of the page has been walked through.
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      return {
        name: element.innerText || element.getAttribute("aria-label") || element.id || element.localName,
        visible: box.left >= 0 && box.width > 0 && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      };
    });
    if (!next) break;
    focused.push(next);
  }
  return focused;
}

/** Searches by keyboard and follows what is found, with and without JavaScript. */
async function search(task) {
  const all = [];
  for (const javascript of [true, false]) {
    const { context, page, wrong } = await open({ javascript });
    await page.goto(task.url, { waitUntil: "load" });
    await page.type("input[type=search]", task.query);
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
    const found = { url: page.url(), text: await text(page), kept: await page.$eval("input[type=search]", (input) => input.value) };
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click("table tbody a")]);
    all.push({ javascript, found, followed: { url: page.url(), text: await text(page) }, wrong });
    await context.close();
  }
  return all;
}

async function text(page) {
  return page.evaluate(() => document.body.innerText);
}
