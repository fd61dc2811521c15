import { describe, expect, it } from "vitest";
import { parseJson } from "./json";

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
