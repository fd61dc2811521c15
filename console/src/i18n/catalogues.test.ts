import { describe, expect, it } from "vitest";
import { pages } from "../app/page";
import { type Catalogue, type Message, type Plural, locales, messages, texts } from "./text";

const modules = import.meta.glob<{ default: Catalogue }>("../**/messages.ts", { eager: true });

const forms = (text: string | Plural): string[] => (typeof text === "string" ? [text] : [text.one, text.other]);
const placeholders = (text: string | Plural): string[] => [...new Set(forms(text).flatMap((f) => [...f.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? "")))].sort();

function faults(message: Message): string[] {
  const found: string[] = [];
  if (Object.keys(message).sort().join() !== [...locales].sort().join()) found.push(`languages ${Object.keys(message).join()}`);
  for (const locale of locales) {
    if (forms(message[locale]).some((f) => f.trim() === "")) found.push(`${locale} is empty`);
    if (typeof message[locale] !== typeof message.en) found.push(`${locale} has other forms`);
    if (placeholders(message[locale]).join() !== placeholders(message.en).join()) found.push(`${locale} has other parameters`);
  }
  return found;
}

describe("every text of the console", () => {
  for (const [file, { default: catalogue }] of Object.entries(modules)) {
    it(`of ${file.replace("../", "")} is there in every language, with the same parameters`, () => {
      expect(Object.keys(catalogue)).not.toHaveLength(0);
      expect(Object.fromEntries(Object.entries(catalogue).map(([key, m]) => [key, faults(m)]))).toEqual(
        Object.fromEntries(Object.keys(catalogue).map((key) => [key, []])),
      );
    });
  }

  it("in the navigation is there in every language", () => {
    const entries = pages.flatMap((p) => (p.nav ? [p.nav.text, ...(p.nav.section ? [p.nav.section] : [])] : []));
    expect(entries).not.toHaveLength(0);
    expect(entries.flatMap(faults)).toEqual([]);
  });
});

it("every catalogue lies in a file messages.ts, where the test above finds it", () => {
  const sources = import.meta.glob<string>(["../**/*.{ts,tsx}", "!../**/*.test.*", "!./text.ts"], { query: "?raw", import: "default", eager: true });
  const elsewhere = Object.entries(sources).filter(([file, source]) => !file.endsWith("/messages.ts") && /\bmessages\(\{/.test(source));
  expect(Object.keys(sources).length).toBeGreaterThan(20);
  expect(elsewhere.map(([file]) => file)).toEqual([]);
});

describe("faults", () => {
  it("finds what is missing", () => {
    expect(faults({ en: "{a} and {b}", "pt-BR": "{a}" })).toEqual(["pt-BR has other parameters"]);
    expect(faults({ en: "a", "pt-BR": " " })).toEqual(["pt-BR is empty"]);
    expect(faults({ en: { one: "{count} a", other: "{count} b" }, "pt-BR": "{count} a" })).toEqual(["pt-BR has other forms"]);
  });
});

describe("texts", () => {
  const catalogue = messages({
    rows: { en: { one: "{count} row in {table}", other: "{count} rows in {table}" }, "pt-BR": { one: "{count} linha em {table}", other: "{count} linhas em {table}" } },
    plain: { en: "Yes", "pt-BR": "Sim" },
  });
  it("chooses the form by the number, and writes numbers as the language does", () => {
    const en = texts(catalogue, "en");
    const pt = texts(catalogue, "pt-BR");
    expect(en("rows", { count: 1, table: "t" })).toBe("1 row in t");
    expect(en("rows", { count: 1234, table: "t" })).toBe("1,234 rows in t");
    expect(pt("rows", { count: 1234, table: "t" })).toBe("1.234 linhas em t");
    expect(pt("rows", { count: 0, table: "t" })).toBe("0 linha em t");
    expect(pt("plain")).toBe("Sim");
  });
  it("does not read parameters as patterns", () => {
    expect(texts(catalogue, "en")("rows", { count: 2, table: "{count} $& $1" })).toBe("2 rows in {count} $& $1");
  });
});
