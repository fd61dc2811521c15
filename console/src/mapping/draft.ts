import { type Definition, type Field, type KeyDefinition } from "./definition";

/** A field while it is being edited. Everything is text, and anything may be in it. */
export interface FieldRow {
  /** Identifies the row, whatever is typed into it. */
  id: string;
  name: string;
  source: string;
  target: string;
  /** Empty: STRING. */
  contentType: string;
}

/** One definition of a key while it is being edited. Rows of the same name are definitions of one key. */
export interface KeyRow {
  id: string;
  name: string;
  identifiers: readonly string[];
  fieldNames: readonly string[];
}

/** The members of an object type besides its fields and keys; an empty text is none. */
export interface Options {
  description: string;
  templateId: string;
  allowProfileCreation: boolean;
  timeFormat: string;
  sourcePriority: string;
  expirationDays: string;
  maxObjects: string;
  encryptionKey: string;
}

/** An object type while it is being edited: rows in an order, since names may be missing or there twice. */
export interface Draft {
  options: Options;
  fields: readonly FieldRow[];
  keys: readonly KeyRow[];
}

export const emptyOptions: Options = {
  description: "",
  templateId: "",
  allowProfileCreation: false,
  timeFormat: "",
  sourcePriority: "",
  expirationDays: "",
  maxObjects: "",
  encryptionKey: "",
};

let made = 0;

/** An id for a row. */
export const rowId = (): string => `r${++made}`;

const text = (value: number | undefined): string => (value === undefined ? "" : String(value));

/** The draft of a definition. Rows that a draft before had under the same names keep their ids. */
export function draftOf(definition: Definition, before?: Draft): Draft {
  const { Fields = {}, Keys = {} } = definition;
  const fieldIds = idsOf(before?.fields ?? []);
  const keyIds = idsOf(before?.keys ?? []);
  return {
    options: {
      description: definition.Description ?? "",
      templateId: definition.TemplateId ?? "",
      allowProfileCreation: definition.AllowProfileCreation ?? false,
      timeFormat: definition.SourceLastUpdatedTimestampFormat ?? "",
      sourcePriority: text(definition.SourcePriority),
      expirationDays: text(definition.ExpirationDays),
      maxObjects: text(definition.MaxProfileObjectCount),
      encryptionKey: definition.EncryptionKey ?? "",
    },
    fields: Object.entries(Fields).map(([name, f]) => ({
      id: fieldIds.get(name)?.shift() ?? rowId(),
      name,
      source: f.Source ?? "",
      target: f.Target ?? "",
      contentType: f.ContentType ?? "",
    })),
    keys: Object.entries(Keys).flatMap(([name, definitions]) =>
      definitions.map((k) => ({
        id: keyIds.get(name)?.shift() ?? rowId(),
        name,
        identifiers: k.StandardIdentifiers ?? [],
        fieldNames: k.FieldNames ?? [],
      })),
    ),
  };
}

function idsOf(rows: readonly { id: string; name: string }[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const { id, name } of rows) ids.set(name, [...(ids.get(name) ?? []), id]);
  return ids;
}

const fieldOf = ({ source, target, contentType }: FieldRow): Field => ({
  ...(source !== "" && { Source: source }),
  ...(target !== "" && { Target: target }),
  ...(contentType !== "" && { ContentType: contentType }),
});

const keyOf = ({ identifiers, fieldNames }: KeyRow): KeyDefinition => ({
  ...(identifiers.length > 0 && { StandardIdentifiers: identifiers }),
  FieldNames: fieldNames,
});

const wholeNumber = /^-?\d{1,15}$/;

/** The keys of a draft with their definitions, in the order of their first rows. */
export function keysOf(draft: Draft): Map<string, KeyDefinition[]> {
  const keys = new Map<string, KeyDefinition[]>();
  for (const row of draft.keys) keys.set(row.name, [...(keys.get(row.name) ?? []), keyOf(row)]);
  return keys;
}

/**
 * The definition that a draft stands for, as it is sent to the server. With a template
 * the template's fields, keys and options apply, and none are sent. Of fields with the
 * same name the last one counts; {@link check} refuses such a draft.
 */
export function definitionOf(draft: Draft): Definition {
  const { options } = draft;
  const own = options.templateId === "";
  const number = (given: string): number | undefined => (wholeNumber.test(given) ? Number(given) : undefined);
  const numbers = { SourcePriority: number(options.sourcePriority), ExpirationDays: number(options.expirationDays), MaxProfileObjectCount: number(options.maxObjects) };
  return {
    Description: options.description,
    ...(!own && { TemplateId: options.templateId }),
    ...(own && { AllowProfileCreation: options.allowProfileCreation }),
    ...(own && options.timeFormat !== "" && { SourceLastUpdatedTimestampFormat: options.timeFormat }),
    ...Object.fromEntries(Object.entries(numbers).filter(([, v]) => v !== undefined)),
    ...(options.encryptionKey !== "" && { EncryptionKey: options.encryptionKey }),
    ...(own && { Fields: Object.fromEntries(draft.fields.map((f) => [f.name, fieldOf(f)])), Keys: Object.fromEntries(keysOf(draft)) }),
  };
}
