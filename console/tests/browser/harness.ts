import axe from "axe-core";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { test as base, expect, inject } from "vitest";
import { Kindred } from "./kindred";

// What a browser does by itself, such as asking for updates, is switched off.
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How somebody's browser is. */
export interface Habits {
  /** A language of the browser; English otherwise. */
  locale?: string;
  /** Pixels; 1280 otherwise. */
  width?: number;
}

/** An answer that a test expects to be an error. */
interface Refusal {
  status: number;
  path: RegExp;
}

/** Somebody at a browser of their own. */
export class Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly #kindred: Kindred;
  readonly #problems: { text: string; url: string; status?: number }[] = [];
  readonly #expected: Refusal[] = [];
  readonly #excused: RegExp[] = [];

  private constructor(kindred: Kindred, context: BrowserContext, page: Page) {
    this.#kindred = kindred;
    this.context = context;
    this.page = page;
  }

  static async arrive(browser: Browser, kindred: Kindred, { locale = "en-US", width = 1280 }: Habits): Promise<Visitor> {
    const context = await browser.newContext({ baseURL: kindred.url, locale, timezoneId: "UTC", colorScheme: "light", viewport: { width, height: 900 } });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const visitor = new Visitor(kindred, context, page);
    visitor.#watch(page);
    context.on("page", (p) => visitor.#watch(p)); // tabs that pages open
    return visitor;
  }

  #watch(page: Page): void {
    page.on("pageerror", (e) => this.#problems.push({ text: `exception: ${e.stack ?? e.message}`, url: page.url() }));
    page.on("console", (m) => {
      if (["error", "warning"].includes(m.type())) this.#problems.push({ text: `console: ${m.text()}`, url: m.location().url });
    });
    page.on("requestfailed", (r) => {
      // A page that is left aborts its calls.
      if (r.failure()?.errorText !== "net::ERR_ABORTED") this.#problems.push({ text: `request failed: ${r.failure()?.errorText}`, url: r.url() });
    });
    page.on("response", (r) => {
      if (r.status() >= 400) this.#problems.push({ text: `answer ${r.status()}`, url: r.url(), status: r.status() });
    });
  }

  /** Says that an answer will be an error, and so is no problem. */
  expectRefusal(status: number, path: RegExp): void {
    this.#expected.push({ status, path });
  }

  /** Says that problems whose text is like this are what the test wants. */
  expectProblem(text: RegExp): void {
    this.#excused.push(text);
  }

  /** What went wrong and was not expected. */
  get problems(): string[] {
    // The browser writes each answer that is an error into its console, too.
    const excused = (p: { text: string; url: string; status?: number }): boolean =>
      this.#excused.some((e) => e.test(p.text)) ||
      this.#expected.some(
        ({ status, path }) => path.test(new URL(p.url || "about:blank").pathname) && (p.status === status || p.text.includes(`responded with a status of ${status} `)),
      );
    return this.#problems.filter((p) => !excused(p)).map((p) => `${p.text} (${p.url})`);
  }

  /** Signs in by a one-time link, as the administrator or a user, and goes to a page. */
  async signIn(path = "/console/instances", user?: string): Promise<Page> {
    const link = new URL(await this.#kindred.newLink(user));
    await this.page.goto(`/console/sign-in?next=${encodeURIComponent(path)}${link.hash}`);
    await this.page.waitForURL((url) => url.pathname + url.search === path);
    return this.page;
  }

  /** Holds the page, as it is, to the rules of axe in both themes. */
  async checkAccessibility(page: Page = this.page): Promise<void> {
    await settled(page);
    await page.evaluate(axe.source);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.waitForFunction((dark) => document.body.classList.contains("awsui-dark-mode") === dark, colorScheme === "dark");
      await animationsEnd(page);
      const violations = await page.evaluate(async () => {
        const run = (globalThis as unknown as { axe: typeof axe }).axe;
        const { violations: found } = await run.run(document, { resultTypes: ["violations"] });
        return found.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html.slice(0, 200)} ${n.failureSummary ?? ""}`).join(" | ")}`);
      });
      expect(violations, `axe in ${colorScheme} at ${page.url()}`).toEqual([]);
    }
    await page.emulateMedia({ colorScheme: "light" });
  }

  /** Nothing is wider than the window. */
  async checkWidth(page: Page = this.page): Promise<void> {
    await settled(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide, `pixels that ${page.url()} is too wide`).toBeLessThanOrEqual(0);
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}

/** Waits until a page shows what it has: no spinner, nothing on its way. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  await page.waitForFunction(() => document.querySelector("[class*=awsui_spinner]") === null && document.querySelector("main, h1") !== null);
  await animationsEnd(page);
}

async function animationsEnd(page: Page): Promise<void> {
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime !== Infinity).map((a) => a.finished.catch(() => undefined))));
}

/**
 * Tests with a server of their own for each file, and as many visitors as they want.
 * A test fails when a visitor met a problem that it did not expect.
 */
export const test = base.extend<{ kindred: Kindred; browser: Browser; visit: (habits?: Habits) => Promise<Visitor> }>({
  kindred: [
    async ({}, use) => {
      const kindred = await Kindred.start(inject("binary"));
      await use(kindred);
      await kindred.stop();
    },
    { scope: "file" },
  ],
  browser: [
    async ({}, use) => {
      const browser = await chromium.launch({ executablePath: inject("chromium"), args: flags });
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  visit: async ({ kindred, browser }, use) => {
    const visitors: Visitor[] = [];
    await use(async (habits = {}) => {
      const visitor = await Visitor.arrive(browser, kindred, habits);
      visitors.push(visitor);
      return visitor;
    });
    const problems = visitors.flatMap((v) => v.problems);
    for (const v of visitors) await v.leave();
    expect(problems).toEqual([]);
  },
});
