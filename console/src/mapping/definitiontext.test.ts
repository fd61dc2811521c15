import { describe, expect, it } from "vitest";
import cases from "../../../internal/objecttype/testdata/validation.json";
import { texts } from "../i18n/text";
import type { Definition } from "./definition";
import { readDefinition, writeDefinition } from "./definitiontext";
import { definitionOf, draftOf } from "./draft";
import { Fault } from "./fault";
import catalogue from "./messages";

const en = texts(catalogue, "en");

const templates = import.meta.glob<{ default: Definition & Record<string, unknown> }>("../../../internal/objecttype/templates/*.json", { eager: true });

describe("the text of a definition", () => {
  it("is read as what was written, for every case and template", () => {
    const all = [...(cases as unknown as { definition: Definition & { Name?: string } }[]).map((c) => c.definition), ...Object.values(templates).map((m) => m.default)];
    expect(Object.keys(templates).length).toBeGreaterThan(20);
    for (const { Name: _, TemplateId: __, SourceName: ___, SourceObject: ____, ...definition } of all as (Definition & { Name?: string; SourceName?: unknown; SourceObject?: unknown })[]) {
      if (Object.values(definition.Keys ?? {}).some((k) => !k)) continue;
      const draft = draftOf(definition);
      const text = writeDefinition(draft);
      const read = readDefinition(text);
      expect(read).not.toBeInstanceOf(Fault);
      const again = draftOf(read as Definition, draft);
      expect(again).toEqual(draft);
      expect(writeDefinition(again)).toBe(text);
    }
  });

  it("shows names that are there twice, and is refused for them", () => {
    const draft = draftOf({ Description: "", Fields: { a: { Source: "_source.a" } }, Keys: {} });
    const [row] = draft.fields;
    if (!row) throw new Error("no row");
    const text = writeDefinition({ ...draft, fields: [row, { ...row, id: "b" }] });
    expect(text.match(/"a": \{/g)).toHaveLength(2);
    const read = readDefinition(text);
    expect(read instanceof Fault && read.say(en)).toBe("a is there twice: line 8");
  });

  it("shows what a number is not", () => {
    const draft = draftOf({ Description: "" });
    expect(writeDefinition({ ...draft, options: { ...draft.options, expirationDays: "x", sourcePriority: "007" } })).toContain('"SourcePriority": "007",\n  "ExpirationDays": "x"');
  });

  for (const [text, said] of [
    ["", "not valid JSON: line 1, column 1"],
    ['{"Description": x}', "not valid JSON: line 1, column 17"],
    ["[]", "The whole: an object is expected, in braces"],
    ["null", "The whole: an object is expected, in braces"],
    ['{"Name": "x"}', "Name: there is no such member"],
    ['{"Description": 1}', "Description: a text is expected, in quotes"],
    ['{"AllowProfileCreation": "true"}', "AllowProfileCreation: true or false is expected"],
    ['{"ExpirationDays": 1.5}', "ExpirationDays: a whole number is expected"],
    ['{"Fields": []}', "Fields: an object is expected, in braces"],
    ['{"Fields": {"a": "x"}}', "Fields.a: an object is expected, in braces"],
    ['{"Fields": {"a": {"Sauce": "x"}}}', "Fields.a.Sauce: there is no such member"],
    ['{"Fields": {"a": {"Source": null}}}', "Fields.a.Source: a text is expected, in quotes"],
    ['{"Keys": {"k": {}}}', "Keys.k: a list is expected, in brackets"],
    ['{"Keys": {"k": []}}', "Keys.k: at least one definition is required"],
    ['{"Keys": {"k": [{"FieldNames": "a"}]}}', "Keys.k.FieldNames: a list is expected, in brackets"],
    ['{"Keys": {"k": [{"FieldNames": [1]}]}}', "Keys.k.FieldNames: a text is expected, in quotes"],
  ] as const) {
    it(`is refused: ${text}`, () => {
      const read = readDefinition(text);
      expect(read instanceof Fault && read.say(en)).toBe(said);
    });
  }

  it("is what the server is sent", () => {
    const definition: Definition = { Description: "d", AllowProfileCreation: true, Fields: { a: { Source: "_source.a" } }, Keys: { k: [{ FieldNames: ["a"] }] } };
    expect(JSON.parse(writeDefinition(draftOf(definition)))).toEqual(definitionOf(draftOf(definition)));
  });
});
