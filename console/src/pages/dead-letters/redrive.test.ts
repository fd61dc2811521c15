import { expect, it, vi } from "vitest";
import type { RedriveDeadLettersRequest, RedriveDeadLettersResponse } from "../../api/kindred.types";
import { type Sum, perCall, redrive } from "./redrive";

const answer = (some: Partial<RedriveDeadLettersResponse>): RedriveDeadLettersResponse => ({
  DryRun: false,
  Examined: 0,
  Matched: 0,
  Redriven: 0,
  Failed: 0,
  Skipped: 0,
  InFlight: 0,
  More: false,
  Failures: [],
  Results: [],
  ...some,
});

async function run(answers: Partial<RedriveDeadLettersResponse>[], scope: Parameters<typeof redrive>[2], dryRun = false, count = 10) {
  const inputs: RedriveDeadLettersRequest[] = [];
  const left = [...answers];
  const report = vi.fn<(sum: Sum) => void>();
  const sum = await redrive(
    async (input) => {
      inputs.push(input);
      const next = left.shift();
      if (!next) throw new Error("called too often");
      return answer(next);
    },
    "d",
    scope,
    dryRun,
    count,
    report,
  );
  return { sum, inputs, report, left };
}

it("goes on with the token until no letter is left, and adds up", async () => {
  const noMatch = { ObjectTypeName: "T", Message: "no match", Count: 2 };
  const { sum, inputs, report } = await run(
    [
      { Matched: 7, Redriven: 3, Failed: 2, Skipped: 4, More: true, NextToken: "t", Failures: [{ ObjectTypeName: "T", Message: "rare", Count: 1 }, { ...noMatch, Count: 1 }] },
      { Matched: 2, Redriven: 0, Failed: 2, Skipped: 4, InFlight: 1, Failures: [noMatch] },
    ],
    { kind: "error", objectType: "T", message: "m" },
  );
  expect(inputs).toEqual([
    { DomainName: "d", ObjectTypeName: "T", Message: "m", DryRun: false, Limit: 100 },
    { DomainName: "d", ObjectTypeName: "T", Message: "m", DryRun: false, Limit: 100, NextToken: "t" },
  ]);
  expect(sum).toEqual({
    total: 7,
    redriven: 3,
    failed: 4,
    skipped: 0,
    inFlight: 1,
    more: false,
    failures: [
      { ...noMatch, Count: 3 },
      { ObjectTypeName: "T", Message: "rare", Count: 1 },
    ],
    notes: [],
  });
  expect(report).toHaveBeenCalledTimes(2);
});

it("begins anew without a token as long as letters leave the queue", async () => {
  const more = { More: true, Matched: 5 };
  expect((await run([{ ...more, Redriven: 2 }, { ...more, Failed: 3 }], { kind: "all" })).sum).toMatchObject({ redriven: 2, failed: 3, more: true });
});

it("does not rehearse the same letters over and over", async () => {
  expect((await run([{ More: true, Redriven: 5, Matched: 9 }], { kind: "all" }, true)).sum).toMatchObject({ redriven: 5, more: true, total: 9 });
});

it("stops when a call with a token gets nowhere", async () => {
  expect((await run([{ More: true, NextToken: "t" }], { kind: "all" })).inputs).toHaveLength(1);
});

it("names up to a thousand letters in a call", async () => {
  const ids = Array.from({ length: 2001 }, (_, i) => String(i));
  const { sum, inputs } = await run([{ Redriven: 1000, Matched: 1000 }, { Redriven: 1000 }, { Redriven: 1 }], { kind: "letters", ids }, false, 2001);
  expect(inputs.map((i) => i.Ids?.length)).toEqual([1000, 1000, 1]);
  expect(sum).toMatchObject({ redriven: 2001, total: 2001 });
});

it("counts letters that somebody else took, and keeps what is said of letters", async () => {
  const letter = { Id: "1", ObjectTypeName: "T", SentAt: new Date(0) };
  const { sum } = await run([{ Skipped: 5, Results: [{ ...letter, State: "SKIPPED", Note: "somebody else" }, { ...letter, State: "REDRIVEN" }], Redriven: 1, Matched: 2 }], { kind: "all" });
  expect(sum.skipped).toBe(1);
  expect(sum.notes.map((n) => n.Note)).toEqual(["somebody else"]);
});

it("asks for parts that show progress and look into the queue seldom", () => {
  expect([0, 50, 3000, 1e6].map(perCall)).toEqual([100, 100, 300, 5000]);
});
