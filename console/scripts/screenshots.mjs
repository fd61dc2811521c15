// Makes the pictures of docs/images from a server that "kindred demo" has filled.
//
//   node scripts/screenshots.mjs [BINARY [DIRECTORY]]
//
// Without arguments it takes ../bin/kindred (make build) and writes to ../docs/images.
// CHROMIUM names the browser, else that of Debian is taken.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [binary = resolve("../bin/kindred"), target = resolve("../docs/images")] = process.argv.slice(2).map((p) => resolve(p));
const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

/**
 * A picture: a page of the demonstration, and what is done there before it is taken.
 * @type {{ name: string, path: string, before?: (page: import("playwright-core").Page) => Promise<void> }[]}
 */
const pictures = [
  {
    name: "agent",
    path: "/agent?domain=aurora",
    before: async (page) => {
      await page.getByRole("button", { name: /^Open 2 profiles to choose from/ }).first().waitFor();
      await page.getByRole("searchbox").fill("AO-10147");
      await page.keyboard.press("Enter");
      await page.locator("[data-profile]").waitFor();
      await page.getByRole("button", { name: /where it comes from$/ }).nth(5).hover();
    },
  },
  {
    name: "contact",
    path: "/agent?domain=aurora",
    before: async (page) => {
      await page.getByRole("button", { name: /^Open 2 profiles to choose from/ }).first().click();
      await page.getByRole("table", { name: "Results" }).getByRole("link").first().waitFor();
    },
  },
  { name: "overview", path: "/console/domains/aurora" },
  { name: "dead-letters", path: "/console/domains/aurora/dead-letters" },
  {
    name: "try-it",
    path: "/console/domains/aurora/object-types/Customer",
    before: async (page) => {
      await page.getByRole("tab", { name: "Try it" }).click();
      const record = { no: "AO-10147", name: { first: "Dalia", last: "Haddad-Keller" }, email: "dalia.haddad@example.com", membership: { tier: "gold" } };
      await page.getByRole("textbox").first().fill(JSON.stringify(record, null, 2));
      await page.getByRole("table").first().waitFor();
    },
  },
  { name: "object-type", path: "/console/domains/aurora/object-types/Customer" },
  { name: "enable", path: "/console/instances/INSTANCE/customer-profiles" },
];

const dir = mkdtempSync(join(tmpdir(), "kindred-pictures-"));
const server = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], { stdio: ["ignore", "pipe", "inherit"] });
try {
  /** @type {string} */
  const url = await new Promise((ready, fail) => {
    createInterface({ input: server.stdout }).on("line", (line) => {
      const at = /^kindred ready (\S+)/.exec(line)?.[1];
      if (at) ready(at);
    });
    server.once("exit", (code) => fail(new Error(`kindred ended with ${code}`)));
  });
  const env = { ...process.env, AWS_ENDPOINT_URL: url, AWS_REGION: "us-east-1", AWS_SHARED_CREDENTIALS_FILE: join(dir, "credentials") };
  /** @param {string[]} args */
  const kindred = (...args) => execFileSync(binary, args, { env, encoding: "utf8" });
  kindred("demo");
  mkdirSync(target, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"] });
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    const context = await browser.newContext({ baseURL: url, locale: "en-US", timezoneId: "UTC", colorScheme, viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const link = /https?:\S+#token=\S+/.exec(kindred("iam", "sign-in-link"))?.[0] ?? "";
    await page.goto(link);
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    const instance = await page.getByRole("link", { name: "aurora-service" }).getAttribute("href") ?? "";
    for (const { name, path, before } of pictures) {
      await page.goto(path.replace("/console/instances/INSTANCE", instance));
      await page.waitForLoadState("networkidle");
      if (before) await before(page);
      await page.waitForTimeout(400); // animations
      await page.screenshot({ path: join(target, `${name}-${colorScheme}.png`) });
      process.stdout.write(`${name}-${colorScheme}.png\n`);
    }
    await context.close();
  }
  await browser.close();
} finally {
  server.kill("SIGTERM");
  await new Promise((ended) => server.once("exit", ended));
  rmSync(dir, { recursive: true, force: true });
}
