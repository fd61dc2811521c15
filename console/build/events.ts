import type { Reporter, TestCase, TestModule } from "vitest/node";

/** An event as go test -json writes them, which is what scripts/testcount reads. */
interface Event {
  Action: "run" | "output" | "pass" | "fail" | "skip";
  Package: string;
  Test?: string;
  Output?: string;
  Elapsed?: number;
}

/**
 * Writes a line for each test as go test -json does, so that the tests of the console
 * are counted together with those of the server. A file is a package.
 */
export default class EventReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const at = { Package: packageOf(test.module), Test: test.fullName.replaceAll("/", "⁄") };
    const result = test.result();
    write({ ...at, Action: "run" });
    if (result.state === "failed") {
      const output = result.errors.map((e) => `${e.stack ?? e.message}\n${e.diff ?? ""}\n`).join("\n");
      write({ ...at, Action: "output", Output: output });
    }
    const action = result.state === "passed" ? "pass" : result.state === "failed" ? "fail" : "skip";
    write({ ...at, Action: action, Elapsed: (test.diagnostic()?.duration ?? 0) / 1000 });
  }

  onTestModuleEnd(module: TestModule): void {
    const at = { Package: packageOf(module) };
    // Of a file that cannot be loaded, or whose set-up fails, no test is told of.
    const broken = [...module.errors(), ...[...module.children.allSuites()].flatMap((s) => s.errors())];
    if (broken.length > 0) write({ ...at, Action: "output", Output: broken.map((e) => `${e.stack ?? e.message}\n`).join("") });
    write({ ...at, Action: module.ok() ? "pass" : "fail", Elapsed: module.diagnostic().duration / 1000 });
  }

  onTestRunEnd(_: readonly TestModule[], unhandled: readonly { stack?: string; message: string }[]): void {
    if (unhandled.length === 0) return;
    const at = { Package: "console" };
    write({ ...at, Action: "output", Output: unhandled.map((e) => `${e.stack ?? e.message}\n`).join("") });
    write({ ...at, Action: "fail" });
  }
}

const packageOf = (module: TestModule): string => `console/${module.relativeModuleId}`;

function write(e: Event): void {
  process.stdout.write(JSON.stringify(e) + "\n");
}
