import { expect, it } from "vitest";
import { durationOf, secondsOf } from "./duration";

it("enters a span in the largest unit that it is whole in", () => {
  expect([0, 30, 60, 90, 7200, 345_600].map(durationOf)).toEqual([
    { amount: "0", unit: "s" },
    { amount: "30", unit: "s" },
    { amount: "1", unit: "m" },
    { amount: "90", unit: "s" },
    { amount: "2", unit: "h" },
    { amount: "4", unit: "d" },
  ]);
});

it("reads spans of whole seconds only", () => {
  expect(secondsOf({ amount: "1.5", unit: "h" })).toBe(5400);
  expect(secondsOf({ amount: " 4", unit: "d" })).toBe(345_600);
  for (const amount of ["", "-1", "1e3", "0.5", "x", "9999999999"]) expect(secondsOf({ amount, unit: "s" }), amount).toBeUndefined();
});
