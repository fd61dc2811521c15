import { describe, expect, it } from "vitest";
import cases from "../../../internal/mapping/testdata/syntax.json";
import { texts } from "../i18n/text";
import { Fault } from "./fault";
import catalogue from "./messages";
import { compileSource } from "./source";
import { compileTarget } from "./target";
import { checkTimeFormat } from "./timeformat";

const en = texts(catalogue, "en");
const pt = texts(catalogue, "pt-BR");

/** Numbers without the marks of thousands, which the server does not write. */
const ungrouped = (text: string): string => text.replaceAll(/(\d),(?=\d{3})/g, "$1");

function outcome(what: string, text: string): { reason?: string; list?: boolean } {
  const result = what === "Source" ? compileSource(text) : what === "Target" ? compileTarget(text) : checkTimeFormat(text);
  if (result instanceof Fault) {
    expect(result.say(pt)).not.toBe("");
    return { reason: ungrouped(result.say(en)) };
  }
  return result && "list" in result && result.list ? { list: true } : {};
}

// The file is kept by a test of the server (internal/mapping): it holds what the
// server does with each expression.
describe("expressions are taken and refused as by the server", () => {
  for (const { what, text, ...want } of cases as { what: string; text: string; reason?: string; list?: boolean }[]) {
    it(`${what} ${JSON.stringify(text).slice(0, 80)}`, () => {
      const got = outcome(what, text);
      // A reason repeats text as the server quotes it, which differs for characters that cannot be seen.
      expect(got.reason?.replaceAll("\\u000b", "\\v"), text).toBe(want.reason);
      expect(got.list, text).toBe(want.list);
    });
  }
});
