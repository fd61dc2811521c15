// Measures how long an agent waits: from the key press that searches to the painted
// profile, and the calls that the page makes meanwhile, in a browser on this machine.
//
//   node scripts/responsetimes.mjs URL CREDENTIALS DOMAIN SEARCHES < TEXTS
//
// TEXTS are what to search for, one on each line, each of which finds one profile. The
// server at URL is running; CREDENTIALS is its credentials file. Prints percentiles in
// milliseconds.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { chromium } from "playwright-core";

const [url = "", credentials = "", domain = "", most = "200"] = process.argv.slice(2);
const texts = readFileSync(0, "utf8").split("\n").filter(Boolean).slice(0, Number(most));
const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
const env = { ...process.env, AWS_ENDPOINT_URL: url, AWS_REGION: "us-east-1", AWS_SHARED_CREDENTIALS_FILE: resolve(credentials) };
const link = /https?:\S+#token=\S+/.exec(execFileSync(resolve("../bin/kindred"), ["iam", "sign-in-link"], { env, encoding: "utf8" }))?.[0] ?? "";

/** @param {number[]} values @param {number} p */
const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))] ?? NaN;
/** @param {string} name @param {number[]} values */
const report = (name, values) => process.stdout.write(`${name.padEnd(40)} n=${String(values.length).padStart(4)}  p50 ${percentile(values, 0.5).toFixed(1)}  p99 ${percentile(values, 0.99).toFixed(1)}\n`);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await (await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 900 } })).newPage();
  await page.goto(link);
  await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
  await page.goto(`/agent?domain=${domain}`);
  await page.getByRole("searchbox").waitFor();
  await page.waitForLoadState("networkidle");
  /** @type {number[]} */
  const painted = [];
  /** @type {Map<string, number[]>} */
  const calls = new Map();
  for (const text of texts) {
    await page.getByRole("searchbox").fill(text);
    await page.evaluate(() => {
      performance.clearResourceTimings();
      const before = document.querySelector("[data-profile]")?.getAttribute("data-profile");
      const w = /** @type {{ took?: Promise<number> }} */ (/** @type {unknown} */ (globalThis));
      w.took = new Promise((resolved) => {
        let began = 0;
        addEventListener("keydown", () => (began = performance.now()), { capture: true, once: true });
        const look = () => {
          const now = document.querySelector("[data-profile]")?.getAttribute("data-profile");
          if (!now || now === before) return;
          seen.disconnect();
          // The frame after next has been painted when its callback runs.
          requestAnimationFrame(() => requestAnimationFrame(() => resolved(performance.now() - began)));
        };
        const seen = new MutationObserver(look);
        seen.observe(document.body, { childList: true, subtree: true, attributes: true });
      });
    });
    await page.getByRole("searchbox").press("Enter");
    painted.push(await page.evaluate(() => /** @type {{ took?: Promise<number> }} */ (/** @type {unknown} */ (globalThis)).took ?? Promise.resolve(NaN)));
    await page.waitForFunction(() => performance.getEntriesByType("resource").some((e) => /\/profiles\/objects$|\/objects/.test(new URL(e.name).pathname)));
    for (const [path, took] of await page.evaluate(() => performance.getEntriesByType("resource").map((e) => /** @type {const} */ ([new URL(e.name).pathname, e.duration])))) {
      const name = path.replace(/[0-9a-f]{32}/g, "ID");
      calls.set(name, [...(calls.get(name) ?? []), took]);
    }
    // One profile after the other, as an agent would; open ones are closed.
    await page.getByRole("button", { name: /^Close (?!dialog)/ }).last().click();
  }
  report("search to painted profile", painted.slice(5));
  for (const [name, values] of [...calls].filter(([, v]) => v.length > 20)) report(name, values.slice(5));
} finally {
  await browser.close();
}
