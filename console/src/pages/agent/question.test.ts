import { describe, expect, test } from "vitest";
import { calls, clues, keyNamed } from "./question";

const names = (text: string, known: string[] = []): string[] => clues(text, known).map((c) => c.name);

describe("by what a text is searched", () => {
  test.each([
    ["ada@example.org", "_email"],
    ["+1 (206) 555-0100", "_phone"],
    ["206.555.0100", "_phone"],
    ["Ada Lovelace", "_fullName"],
    ["José da Silva", "_fullName"],
    ["M-4711", "_account"],
    ["0123456789abcdef0123456789abcdef", "_profileId"],
    ["11111111-2222-3333-4444-555555555555", "_ctrContactId"],
  ])("%s: first by %s", (text, first) => {
    expect(names(text)[0]).toBe(first);
  });

  test("a number may be anything that the domain has keys for", () => {
    expect(names("4711000", ["memberId", "_phone"])).toEqual(["_phone", "_account", "memberId", "_orderId", "_caseId", "_assetId", "_fullName"]);
  });

  test("a text that names its key is for that key alone", () => {
    expect(clues("memberId=M-1", ["memberId"])).toEqual([{ name: "memberId", value: "M-1" }]);
    expect(clues("phone: +12065550100")).toEqual([{ name: "_phone", value: "+12065550100" }]);
    expect(clues("_orderId = 7 a")).toEqual([{ name: "_orderId", value: "7 a" }]);
  });

  test("a key that nobody knows is text", () => {
    expect(names("ACME: Berlin")).toContain("_fullName");
    expect(clues("x=y")[0]?.value).toBe("x=y");
  });

  test("nothing is searched for nothing", () => {
    expect(clues("   ")).toEqual([]);
  });

  test("shorthands", () => {
    expect(keyNamed("Phone")).toBe("_phone");
    expect(keyNamed("loyaltyNumber")).toBe("loyaltyNumber");
  });
});

test("five keys in a call", () => {
  const all = clues("4711", Array.from({ length: 9 }, (_, i) => `key${i}`));
  expect(calls(all).map((c) => c.length)).toEqual([5, 5, 4]);
  expect(calls(all).flat()).toEqual(all);
});
