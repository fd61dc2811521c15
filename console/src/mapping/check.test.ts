import { describe, expect, it } from "vitest";
import cases from "../../../internal/objecttype/testdata/validation.json";
import { texts } from "../i18n/text";
import { check, hints, whole } from "./check";
import type { Definition } from "./definition";
import { definitionOf, draftOf } from "./draft";
import catalogue from "./messages";
import { standardObjects } from "./standard";

const en = texts(catalogue, "en");
const pt = texts(catalogue, "pt-BR");

interface Case {
  rule: string;
  error?: string;
  definition: Definition & { Name: string };
  domain: Record<string, string>;
}

/** Numbers without the marks of thousands, which the server does not write. */
const ungrouped = (text: string): string => text.replaceAll(/(\d),(?=\d{3})/g, "$1");

// The file is kept by a test of the server (internal/objecttype): each rule has what
// breaks it and the nearest definition that does not.
describe("definitions are taken and refused as by the server", () => {
  for (const { rule, error, definition, domain } of cases as unknown as Case[]) {
    // A key without definitions cannot be in a draft: the text beside it is refused, see definitiontext.test.ts.
    if (error?.endsWith("at least one definition is required")) continue;
    it(rule, () => {
      const problems = check(definition.Name, draftOf(definition), { keys: new Map(Object.entries(domain)) });
      const said = problems.map((p) => ungrouped(whole(p, en)));
      for (const p of problems) expect(whole(p, pt)).not.toBe("");
      if (error === undefined) {
        expect(said).toEqual([]);
        return;
      }
      expect(said).toContain(error);
    });
  }
});

const definition: Definition = {
  Description: "d",
  AllowProfileCreation: true,
  Fields: { id: { Source: "_source.id" }, mail: { Source: "_source.mail", Target: "_profile.EmailAddress" }, spare: { Source: "_source.spare" } },
  Keys: { shopId: [{ StandardIdentifiers: ["PROFILE", "UNIQUE"], FieldNames: ["id"] }], shopMail: [{ FieldNames: ["mail"] }] },
};
const none = { keys: new Map<string, string>() };

const templates = import.meta.glob<{ default: Definition }>("../../../internal/objecttype/templates/*.json", { eager: true });

it("takes every template", () => {
  expect(Object.keys(templates).length).toBeGreaterThan(20);
  for (const [file, { default: template }] of Object.entries(templates)) {
    const { AllowProfileCreation, SourceLastUpdatedTimestampFormat, Fields, Keys } = template;
    const definition = { Description: "d", AllowProfileCreation, SourceLastUpdatedTimestampFormat, Fields, Keys } as Definition;
    expect(check("Mine", draftOf(definition), none).map((p) => whole(p, en)), file).toEqual([]);
  }
});

it("knows the own id of every standard object", () => {
  expect(standardObjects).toHaveLength(16);
  for (const o of standardObjects) {
    const [id] = o.fields;
    const targets = { x: { Source: "_source.x", Target: `${o.name}.${id?.path}` }, y: { Source: "_source.y", Target: `${o.name}.Attributes.y` } };
    const keys = { ...definition.Keys, other: [{ StandardIdentifiers: [o.identifier], FieldNames: ["spare"] }] };
    const draft = draftOf({ ...definition, Fields: { ...definition.Fields, ...targets }, Keys: keys });
    expect(check("Shop", draft, none).map((p) => whole(p, en))).toEqual([`Field x: Target ${o.name}.${id?.path} is set by the service and cannot be mapped`]);
  }
});

describe("beyond the server's cases", () => {
  it("says where each problem is", () => {
    const draft = draftOf({ ...definition, Fields: { ...definition.Fields, "1x": { Source: "_source.x[" } } });
    const row = draft.fields.at(-1)?.id;
    expect(check("Shop", draft, none).map((p) => p.place)).toEqual([
      { part: "field", row, name: '"1x"', member: "name" },
      { part: "field", row, name: '"1x"', member: "source" },
    ]);
  });

  it("refuses a name that is there twice", () => {
    const draft = draftOf(definition);
    const [first, ...rest] = draft.fields;
    if (!first) throw new Error("no fields");
    const problems = check("Shop", { ...draft, fields: [first, { ...first, id: "again" }, ...rest] }, none);
    expect(problems.map((p) => whole(p, en))).toEqual(["Field id: the name is used twice", "Field id: the name is used twice"]);
  });

  it("knows what the API does not take, which the rules allow", () => {
    const dots = draftOf({ ...definition, Fields: { ...definition.Fields, "a.b": { Source: "_source.x", Target: "_profile.LastName" } }, Keys: { ...definition.Keys, "k.l": [{ FieldNames: ["a.b"] }] } });
    expect(check("Shop", dots, none).map((p) => whole(p, en))).toEqual([
      "Key k.l: FieldNames: the API takes no names with a dot, such as a.b",
      "Key k.l: the API takes no names of keys with a dot",
    ]);
    const long = draftOf({ ...definition, Fields: { ...definition.Fields, long: { Source: "_source." + "x".repeat(993), Target: "_profile.LastName" } } });
    expect(check("Shop", long, none).map((p) => whole(p, en))).toEqual(["Field long: at most 1,000 characters"]);
  });

  it("asks nothing of the fields of a template", () => {
    expect(check("Shop", draftOf({ Description: "d", TemplateId: "CTR" }), none)).toEqual([]);
    expect(definitionOf(draftOf({ Description: "d", TemplateId: "CTR", Fields: { a: {} }, ExpirationDays: 7 }))).toEqual({ Description: "d", TemplateId: "CTR", ExpirationDays: 7 });
  });

  it("knows how many objects other types leave", () => {
    const draft = draftOf({ ...definition, MaxProfileObjectCount: 5 });
    expect(check("Shop", draft, { ...none, objectsLeft: 5 })).toEqual([]);
    expect(check("Shop", draft, { ...none, objectsLeft: 4 }).map((p) => p.place)).toEqual([{ part: "option", member: "MaxProfileObjectCount" }]);
  });

  it("hints at what is taken and rarely meant", () => {
    expect(hints(draftOf(definition)).map((p) => whole(p, en))).toEqual([
      "Field mail: values of this key are compared as they are written; choose EMAIL_ADDRESS as the content type, so that they are found however they are written",
      "Field spare: no key and no Target uses this field",
    ]);
  });
});

describe("a draft", () => {
  it("stands for the definition that it was made of", () => {
    const full: Definition = {
      ...definition,
      SourceLastUpdatedTimestampFormat: "EpochMilli",
      SourcePriority: 1,
      ExpirationDays: 2,
      MaxProfileObjectCount: 3,
      EncryptionKey: "arn",
      Keys: { ...definition.Keys, two: [{ FieldNames: ["id"] }, { StandardIdentifiers: ["ASSET"], FieldNames: ["mail", "id"] }] },
    };
    expect(definitionOf(draftOf(full))).toEqual(full);
  });

  it("keeps its rows over a change of something else", () => {
    const before = draftOf(definition);
    const after = draftOf({ ...definition, Description: "other", Fields: { first: {}, ...definition.Fields } }, before);
    expect(after.fields.slice(1).map((f) => f.id)).toEqual(before.fields.map((f) => f.id));
    expect(after.keys.map((k) => k.id)).toEqual(before.keys.map((k) => k.id));
  });
});
