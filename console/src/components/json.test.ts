import { describe, expect, it } from "vitest";
import { compactJson, formatJson, parseJson, repeatedName } from "./json";

describe("parseJson", () => {
  it("reads JSON", () => {
    expect(parseJson('{"a": [1, {}, [], "\\u00e9", -1.5e3, null]}')).toEqual({ value: { a: [1, {}, [], "é", -1500, null] } });
  });

  for (const [text, line, column] of [
    ["", 1, 1],
    ['{\n  "a": x\n}', 2, 8],
    ['{"a":', 1, 6],
    ['{"a": 1,}', 1, 9],
    ["[1, 2,]", 1, 7],
    ["[1 2]", 1, 4],
    ['{"a" 1}', 1, 6],
    ['{\n"a": 1\n"b": 2}', 3, 1],
    ['{"a": 01}', 1, 7],
    ['{"a": "x\ty"}', 1, 7],
    ['{"a": "\\x"}', 1, 7],
    ["{} {}", 1, 4],
    ["[[[", 1, 4],
    ["{a: 1}", 1, 2],
    ["[1]]", 1, 4],
    ["truex", 1, 1],
  ] as const) {
    it(`says where ${JSON.stringify(text)} goes wrong`, () => {
      expect(parseJson(text)).toEqual({ fault: { line, column } });
    });
  }

  it("does not stumble over depth", () => {
    expect(parseJson("[".repeat(200_000))).toEqual({ fault: { line: 1, column: 200_001 } });
  });
});

describe("formatJson", () => {
  it("lays out as JSON.stringify does", () => {
    for (const value of [{ a: 1, b: [1, "x, {y}: [z]", { c: {} }, []], "d\"e\\": null }, [], {}, "x", -1.5e3, [[[true]]], { a: { b: "\n" } }]) {
      expect(formatJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
      expect(compactJson(JSON.stringify(value, null, 4))).toBe(JSON.stringify(value));
    }
  });

  it("leaves numbers, names and escapes as they are written", () => {
    expect(formatJson('{"id":12345678901234567890,"a":1.10,"a":"\\u00e9"}')).toBe('{\n  "id": 12345678901234567890,\n  "a": 1.10,\n  "a": "\\u00e9"\n}');
  });
});

it("finds names that are there twice", () => {
  expect(repeatedName('{"a": {"b": 1}, "c": [{"b": 1}, {"b": "b"}], "b": "a"}')).toBeUndefined();
  expect(repeatedName('{"a": [\n{"b": 1,\n"\\u0062": 2}]}')).toEqual({ name: "b", line: 3 });
});
