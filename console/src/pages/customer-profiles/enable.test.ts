import { describe, expect, it } from "vitest";
import { type Calls, type Choice, type Step, enable, plan } from "./enable";

const choice: Choice = { domain: { kind: "new", name: "d", days: 366 }, queue: "http://q/dlq", key: "arn:k" };
const ids = (c: Choice): string[] => plan(c).map((s) => s.id);
const shown = (steps: readonly Step[]): string => steps.map((s) => `${s.id}:${s.state}`).join(" ");

const refused = (message: string): Error => Object.assign(new Error(message), { name: "BadRequestException", $metadata: { httpStatusCode: 400 } });

/** Calls that are noted, and fail when told to. */
function recorder(fail: Partial<Record<keyof Calls, Error>> = {}) {
  const made: unknown[][] = [];
  const call =
    (name: keyof Calls) =>
    async (...args: unknown[]): Promise<void> => {
      made.push([name, ...args]);
      if (fail[name]) throw fail[name];
    };
  return { made, fail, calls: { create: call("create"), update: call("update"), connect: call("connect") } satisfies Calls };
}

async function run(c: Choice, calls: Calls, before?: readonly Step[]) {
  const reports: (readonly Step[])[] = [];
  const error = await enable(c, "arn:i", calls, (s) => reports.push(s), before).catch((e: unknown) => e);
  return { reports, last: reports.at(-1) ?? [], error };
}

describe("the plan", () => {
  it("has what the choice takes", () => {
    expect(ids(choice)).toEqual(["queue", "key", "create", "connect"]);
    expect(ids({ ...choice, queue: "" })).toEqual(["key", "create", "connect"]);
    expect(ids({ domain: { kind: "existing", name: "d" }, queue: undefined, key: undefined })).toEqual(["connect"]);
    expect(ids({ domain: { kind: "existing", name: "d" }, queue: "", key: undefined })).toEqual(["update", "connect"]);
  });
});

describe("enabling", () => {
  it("creates a domain and connects the instance", async () => {
    const { made, calls } = recorder();
    const { reports, error } = await run(choice, calls);
    expect(error).toBeUndefined();
    expect(made).toEqual([
      ["create", "d", 366, "http://q/dlq", "arn:k"],
      ["connect", "d", "arn:i"],
    ]);
    expect(reports.map(shown)).toEqual([
      "queue:running key:pending create:pending connect:pending",
      "queue:done key:done create:done connect:pending",
      "queue:done key:done create:done connect:running",
      "queue:done key:done create:done connect:done",
    ]);
  });

  for (const [what, message, steps] of [
    ["queue", "DeadLetterQueueUrl: the queue does not exist", "queue:failed key:pending create:pending connect:pending"],
    ["key", "The KMS key arn:k is in the state Disabled: enable it first", "queue:done key:failed create:pending connect:pending"],
    ["domain", "Domain d already exists", "queue:done key:done create:failed connect:pending"],
  ] as const) {
    it(`blames the ${what}`, async () => {
      const { made, calls } = recorder({ create: refused(message) });
      const { last, error } = await run(choice, calls);
      expect(error).toBeInstanceOf(Error);
      expect(shown(last)).toBe(steps);
      expect(made).toHaveLength(1);
    });
  }

  it("does not create again what it has created", async () => {
    const { made, fail, calls } = recorder({ connect: refused("busy") });
    const first = await run(choice, calls);
    expect(shown(first.last)).toBe("queue:done key:done create:done connect:failed");
    delete fail.connect;
    const second = await run(choice, calls, first.last);
    expect(second.error).toBeUndefined();
    expect(made.map(([name]) => name)).toEqual(["create", "connect", "connect"]);
  });

  it("checks everything again when the domain is not there yet", async () => {
    const { fail, calls } = recorder({ create: refused("The KMS key arn:k is not enabled") });
    const first = await run(choice, calls);
    delete fail.create;
    const second = await run(choice, calls, first.last);
    expect(shown(second.reports[0] ?? [])).toBe("queue:running key:pending create:pending connect:pending");
    expect(shown(second.last)).toBe("queue:done key:done create:done connect:done");
  });

  it("changes of an existing domain what was chosen", async () => {
    const { made, calls } = recorder();
    await run({ domain: { kind: "existing", name: "d" }, queue: "", key: undefined }, calls);
    expect(made).toEqual([
      ["update", "d", "", undefined],
      ["connect", "d", "arn:i"],
    ]);
  });
});
