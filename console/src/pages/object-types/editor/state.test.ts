import { describe, expect, it } from "vitest";
import type { Definition } from "../../../mapping/definition";
import { definitionOf } from "../../../mapping/draft";
import { type EditorAction, type EditorState, edit, startEditor } from "./state";

const definition: Definition = {
  Description: "d",
  AllowProfileCreation: false,
  Fields: { id: { Source: "_source.id" }, mail: { Source: "_source.mail" } },
  Keys: { shopId: [{ StandardIdentifiers: ["UNIQUE", "PROFILE"], FieldNames: ["id"] }], both: [{ FieldNames: ["id", "mail"] }] },
};

const run = (...actions: EditorAction[]): EditorState => actions.reduce(edit, startEditor(definition));
const field = (s: EditorState, i: number): string => s.draft.fields[i]?.id ?? "";

describe("rows and text are of one another", () => {
  it("what is typed into a row is in the text", () => {
    const start = startEditor(definition);
    const s = edit(start, { type: "field", id: field(start, 1), change: { target: "_profile.EmailAddress" } });
    expect(JSON.parse(s.text)).toEqual({ ...definition, Fields: { ...definition.Fields, mail: { Source: "_source.mail", Target: "_profile.EmailAddress" } } });
  });

  it("what is typed into the text is in the rows, which stay the same ones", () => {
    const start = startEditor(definition);
    const s = edit(start, { type: "text", text: start.text.replace("_source.mail", "_source.email") });
    expect(s.draft.fields.map((f) => [f.id, f.source])).toEqual([
      [field(start, 0), "_source.id"],
      [field(start, 1), "_source.email"],
    ]);
    expect(s.text).toContain("_source.email");
  });

  it("a text that is broken leaves the rows as they are until it is whole again", () => {
    const start = startEditor(definition);
    const broken = edit(start, { type: "text", text: start.text.slice(0, -1) });
    expect(broken.fault).toBeDefined();
    expect(broken.text).toBe(start.text.slice(0, -1));
    expect(broken.draft).toBe(start.draft);
    const whole = edit(broken, { type: "text", text: start.text });
    expect(whole.fault).toBeUndefined();
    expect(whole.draft).toEqual(start.draft);
  });
});

describe("keys", () => {
  it("follow the names of their fields", () => {
    const start = startEditor(definition);
    const s = edit(start, { type: "field", id: field(start, 0), change: { name: "no" } });
    expect(definitionOf(s.draft).Keys).toEqual({ shopId: [{ StandardIdentifiers: ["UNIQUE", "PROFILE"], FieldNames: ["no"] }], both: [{ FieldNames: ["no", "mail"] }] });
  });

  it("find their field again when its name was cleared in between", () => {
    const start = startEditor(definition);
    const named = (s: EditorState, name: string): EditorState => edit(s, { type: "field", id: field(start, 0), change: { name } });
    expect(definitionOf(named(named(start, ""), "no").draft).Keys?.shopId?.[0]?.FieldNames).toEqual(["no"]);
  });

  it("do not follow a name that two fields have", () => {
    const start = startEditor(definition);
    const same = edit(start, { type: "field", id: field(start, 1), change: { name: "id" } });
    const s = edit(same, { type: "field", id: field(start, 1), change: { name: "mail2" } });
    expect(s.draft.keys.map((k) => k.fieldNames)).toEqual([["id"], ["id", "id"]]);
  });
});

describe("rows", () => {
  it("are added at the end and removed", () => {
    const s = run({ type: "addField" }, { type: "addKey" });
    expect(s.draft.fields).toHaveLength(3);
    expect(s.fresh).toEqual(new Set([field(s, 2), s.draft.keys.at(-1)?.id]));
    const removed = edit(edit(s, { type: "removeField", id: field(s, 2) }), { type: "removeKey", id: s.draft.keys.at(-1)?.id ?? "" });
    expect(definitionOf(removed.draft)).toEqual(definition);
  });

  it("of a template become the type's own", () => {
    const start = startEditor({ ...definition, TemplateId: "CTR" });
    expect(JSON.parse(start.text)).toEqual({ Description: "d", TemplateId: "CTR" });
    const described = edit(start, { type: "text", text: start.text.replace('"d"', '"e"') });
    expect(described.draft.fields).toEqual(start.draft.fields);
    const s = edit(described, { type: "detach" });
    expect(JSON.parse(s.text)).toEqual({ ...definition, Description: "e" });
  });
});
