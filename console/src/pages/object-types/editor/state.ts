import type { Definition } from "../../../mapping/definition";
import { readDefinition, writeDefinition } from "../../../mapping/definitiontext";
import { type Draft, type FieldRow, type KeyRow, type Options, draftOf, rowId } from "../../../mapping/draft";
import { Fault } from "../../../mapping/fault";

/** An object type in the editor: rows and text, which are of one another. */
export interface EditorState {
  draft: Draft;
  /** The draft as JSON, as the user has it in front of them. */
  text: string;
  /** Why the text is none that the draft could follow. The draft stays as it was before then, and rows rest. */
  fault: Fault | undefined;
  /** Rows that were added and in which something is still missing: nobody is told off for that. */
  fresh: ReadonlySet<string>;
}

export type EditorAction =
  | { type: "text"; text: string }
  | { type: "option"; change: Partial<Options> }
  | { type: "field"; id: string; change: Partial<FieldRow> }
  | { type: "addField" }
  | { type: "removeField"; id: string }
  | { type: "key"; id: string; change: Partial<KeyRow> }
  | { type: "addKey" }
  | { type: "removeKey"; id: string }
  /** Makes a template's fields and keys the type's own, which can be changed. */
  | { type: "detach" }
  | { type: "reset"; definition: Definition };

export function startEditor(definition: Definition): EditorState {
  const draft = draftOf(definition);
  return { draft, text: writeDefinition(draft), fault: undefined, fresh: new Set() };
}

export function edit(state: EditorState, action: EditorAction): EditorState {
  switch (action.type) {
    case "reset":
      return startEditor(action.definition);
    case "text": {
      const read = readDefinition(action.text);
      if (read instanceof Fault) return { ...state, text: action.text, fault: read };
      // A template's own fields and keys are not in the text.
      const own = read.TemplateId === undefined || read.TemplateId === "";
      const next = draftOf(read, state.draft);
      const draft = own ? next : { ...next, fields: state.draft.fields, keys: state.draft.keys };
      return { ...state, text: action.text, fault: undefined, draft };
    }
    default: {
      const draft = change(state.draft, action);
      const fresh = new Set(state.fresh);
      if (action.type === "addField") fresh.add(draft.fields.at(-1)?.id ?? "");
      if (action.type === "addKey") fresh.add(draft.keys.at(-1)?.id ?? "");
      return { draft, text: writeDefinition(draft), fault: undefined, fresh };
    }
  }
}

type RowAction = Exclude<EditorAction, { type: "reset" | "text" }>;

function change(draft: Draft, action: RowAction): Draft {
  switch (action.type) {
    case "option":
      return { ...draft, options: { ...draft.options, ...action.change } };
    case "field": {
      const before = draft.fields.find((f) => f.id === action.id);
      const fields = draft.fields.map((f) => (f.id === action.id ? { ...f, ...action.change } : f));
      const { name } = action.change;
      if (name === undefined || !before) return { ...draft, fields };
      // Keys go on naming the field, unless another one has the name too.
      const shared = draft.fields.some((f) => f.id !== action.id && f.name === before.name);
      const keys = shared ? draft.keys : draft.keys.map((k) => ({ ...k, fieldNames: k.fieldNames.map((n) => (n === before.name ? name : n)) }));
      return { ...draft, fields, keys };
    }
    case "addField":
      return { ...draft, fields: [...draft.fields, { id: rowId(), name: "", source: "", target: "", contentType: "" }] };
    case "removeField":
      return { ...draft, fields: draft.fields.filter((f) => f.id !== action.id) };
    case "key":
      return { ...draft, keys: draft.keys.map((k) => (k.id === action.id ? { ...k, ...action.change } : k)) };
    case "addKey":
      return { ...draft, keys: [...draft.keys, { id: rowId(), name: "", identifiers: [], fieldNames: [] }] };
    case "removeKey":
      return { ...draft, keys: draft.keys.filter((k) => k.id !== action.id) };
    case "detach":
      return { ...draft, options: { ...draft.options, templateId: "" } };
  }
}
