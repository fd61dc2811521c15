import { expect, it } from "vitest";
import type { DeadLetter, RedriveDeadLettersResponse, RedriveResult } from "../../api/kindred.types";
import { pretty, toSend, verdict } from "./record";

it("shows a record in lines, and what is no JSON as it is", () => {
  expect(pretty('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(pretty("no json")).toBe("no json");
});

it("does not round long numbers, nor write any number in another way", () => {
  for (const body of ['{"id":12345678901234567890}', '{"price":10.50}', '{"n":1e3}']) {
    expect(pretty(body)).toBe(body);
    expect(toSend(body.replace("}", ',"x":1}'), body)).toBe(body.replace("}", ',"x":1}'));
  }
  expect(pretty('{"text":"12345678901234567890"}')).toContain("\n");
});

it("sends nothing in place of a record that says the same", () => {
  const body = '{"a":1,"b":"x"}';
  expect(toSend(body, body)).toBeUndefined();
  expect(toSend(pretty(body), body)).toBeUndefined();
  expect(toSend('{ "a": 1,\n "b": "x" }', body)).toBeUndefined();
  expect(toSend('{"a":2,"b":"x"}', body)).toBe('{"a":2,"b":"x"}');
  expect(toSend('{\n  "a": 2\n}', body)).toBe('{"a":2}');
  expect(toSend("{", body)).toBe("{");
});

const letter: DeadLetter = { Id: "1", ObjectTypeName: "T", Message: "old", Body: "{}", SentAt: new Date(0), ReceiveCount: 1, State: "QUEUED" };
const answer = (...Results: Partial<RedriveResult>[]): RedriveDeadLettersResponse => ({
  DryRun: false,
  Examined: 1,
  Matched: 1,
  Redriven: 0,
  Failed: 0,
  Skipped: 0,
  InFlight: 0,
  More: false,
  Failures: [],
  Results: Results.map((r) => ({ Id: "1", ObjectTypeName: "T", SentAt: new Date(0), State: "FAILED", ...r })),
});

it("tells what became of a letter", () => {
  expect(verdict(answer({ State: "REDRIVEN" }), letter, false).state).toBe("ingested");
  expect(verdict(answer({ Message: "old" }), letter, false)).toEqual({ state: "failed", message: "old", note: undefined });
  expect(verdict(answer({ Message: "new" }), letter, false).state).toBe("replaced");
  expect(verdict(answer({ Message: "new" }), letter, true).state).toBe("failed");
  expect(verdict(answer({ Message: "new", Note: "could not be sent" }), letter, false)).toMatchObject({ state: "failed", note: "could not be sent" });
  expect(verdict(answer({ Message: "Too many changes to the same profile at the same time; try again" }), letter, false).state).toBe("failed");
  expect(verdict(answer({ State: "SKIPPED", Note: "taken" }), letter, false)).toMatchObject({ state: "held", note: "taken" });
  expect(verdict(answer(), letter, true).state).toBe("held");
});
