import { describe, expect, test } from "vitest";
import { at, clock, contactOf, line, time } from "./records";

test("a contact record in the form in which profiles keep it", () => {
  const c = contactOf({
    type: "CTR",
    key: "k",
    fields: {
      contactId: "c-1",
      channel: "VOICE",
      initiationMethod: "INBOUND",
      initiationTimestamp: 1_790_000_000_000,
      disconnectTimestamp: 1_790_000_247_000,
      customerEndpoint: { address: "+12065550100", type: "TELEPHONE_NUMBER" },
      agent: { id: "agent-1", username: null },
      queue: { name: "Sales" },
    },
  });
  expect(c).toMatchObject({ id: "c-1", channel: "VOICE", method: "INBOUND", queue: "Sales", agent: "agent-1", address: "+12065550100", length: 247 });
  expect(c.at?.toISOString()).toBe("2026-09-21T14:13:20.000Z");
});

test("a record with nulls has neither times nor lengths", () => {
  const c = contactOf({ type: "CTR", key: "k", fields: { contactId: null, initiationTimestamp: null, agent: null, queue: "x" } });
  expect(c).toMatchObject({ id: "k", at: undefined, agent: undefined, queue: undefined, length: undefined });
});

describe("times", () => {
  test.each([
    [1_790_000_000_000, "2026-09-21T14:13:20.000Z"],
    [1_790_000_000, "2026-09-21T14:13:20.000Z"],
    ["1790000000000", "2026-09-21T14:13:20.000Z"],
    ["2026-09-21T14:13:20Z", "2026-09-21T14:13:20.000Z"],
    ["2026-09-21", "2026-09-21T00:00:00.000Z"],
  ])("%s", (value, iso) => {
    expect(time(value)?.toISOString()).toBe(iso);
  });
  test.each([undefined, null, "", "soon", "2026-99-99", {}, true])("%s is none", (value) => {
    expect(time(value)).toBeUndefined();
  });
});

test("lengths as clocks show them", () => {
  expect([0, 7, 247, 3729].map(clock)).toEqual(["0:00", "0:07", "4:07", "1:02:09"]);
});

test("a record on one line", () => {
  expect(line({ no: 7, who: { x: 1 }, subject: "a".repeat(80), empty: "", done: false }, 2)).toBe(`no: 7 · subject: ${"a".repeat(59)}… …`);
});

test("paths through what is not there", () => {
  expect(at({ a: { b: null } }, "a", "b", "c")).toBeUndefined();
});
