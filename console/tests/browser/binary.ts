import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The kindred binary under test. */
    binary: string;
    /** The browser. */
    chromium: string;
  }
}

const root = join(import.meta.dirname, "../../..");

/** Before all tests in the browser: builds the binary with the console in it. */
export default function setup(project: TestProject): void {
  const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(chromium)) throw new Error(`no browser at ${chromium}: install Debian's chromium, or say where one is with CHROMIUM`);
  let binary = process.env.KINDRED_BINARY;
  if (!binary) {
    binary = join(root, ".tools/kindred-console");
    const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
    run("scripts/console");
    run("go", "build", "-buildvcs=false", "-o", binary, "./cmd/kindred");
  }
  project.provide("binary", binary);
  project.provide("chromium", chromium);
}
