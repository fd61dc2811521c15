import { parseJson, repeatedName } from "../components/json";
import type { Definition } from "./definition";
import type { Draft } from "./draft";
import { Fault, attempt } from "./fault";

/** The JSON text of a draft, as PutProfileObjectType takes it but for the names of domain and object type. It shows what is wrong with a draft too. */
export function writeDefinition(draft: Draft): string {
  const { options } = draft;
  const own = options.templateId === "";
  const members: [string, string][] = [["Description", JSON.stringify(options.description)]];
  const text = (name: string, value: string): void => void (value !== "" && members.push([name, JSON.stringify(value)]));
  const number = (name: string, value: string): void => void (value !== "" && members.push([name, /^-?(?:0|[1-9]\d*)$/.test(value) ? value : JSON.stringify(value)]));
  text("TemplateId", options.templateId);
  if (own) {
    members.push(["AllowProfileCreation", String(options.allowProfileCreation)]);
    text("SourceLastUpdatedTimestampFormat", options.timeFormat);
  }
  number("SourcePriority", options.sourcePriority);
  number("ExpirationDays", options.expirationDays);
  number("MaxProfileObjectCount", options.maxObjects);
  text("EncryptionKey", options.encryptionKey);
  if (own) {
    const fields = draft.fields.map(({ name, source, target, contentType }): [string, string] => {
      const parts = [["Source", source], ["Target", target], ["ContentType", contentType]].filter(([, v]) => v !== "");
      return [name, object(parts.map(([n, v]) => [n ?? "", JSON.stringify(v)]), "    ")];
    });
    members.push(["Fields", object(fields, "  ")], ["Keys", object(keyTexts(draft), "  ")]);
  }
  return object(members, "");
}

function keyTexts(draft: Draft): [string, string][] {
  const names = [...new Set(draft.keys.map((k) => k.name))];
  return names.map((name) => {
    const definitions = draft.keys
      .filter((k) => k.name === name)
      .map(({ identifiers, fieldNames }) => {
        const list = (items: readonly string[]): string => `[${items.map((i) => JSON.stringify(i)).join(", ")}]`;
        const parts: [string, string][] = [["FieldNames", list(fieldNames)]];
        if (identifiers.length > 0) parts.unshift(["StandardIdentifiers", list(identifiers)]);
        return "      " + object(parts, "      ");
      });
    return [name, `[\n${definitions.join(",\n")}\n    ]`];
  });
}

function object(members: readonly (readonly [string, string])[], indent: string): string {
  if (members.length === 0) return "{}";
  return `{\n${members.map(([name, value]) => `${indent}  ${JSON.stringify(name)}: ${value}`).join(",\n")}\n${indent}}`;
}

/** Reads the text of a definition. Only its form is judged here, its rules by {@link check}. */
export const readDefinition = (text: string): Definition | Fault => attempt(() => definition(text));

function definition(text: string): Definition {
  const parsed = parseJson(text);
  if ("fault" in parsed) throw new Fault((t) => t("notJson", { ...parsed.fault }));
  const twice = repeatedName(text);
  if (twice) throw new Fault((t) => t("memberTwice", { ...twice }));
  const members = objectAt(parsed.value, "");
  for (const [name, value] of Object.entries(members)) {
    if (!Object.hasOwn(readers, name)) throw new Fault((t) => t("noMember", { path: name }));
    readers[name]?.(value, name);
  }
  return members as Definition;
}

type Reader = (value: unknown, path: string) => void;

const asText: Reader = (value, path) => {
  if (typeof value !== "string") throw new Fault((t) => t("notText", { path }));
};
const asNumber: Reader = (value, path) => {
  if (!Number.isSafeInteger(value)) throw new Fault((t) => t("notNumber", { path }));
};
const asBoolean: Reader = (value, path) => {
  if (typeof value !== "boolean") throw new Fault((t) => t("notBoolean", { path }));
};
const asTexts: Reader = (value, path) => {
  for (const item of listAt(value, path)) asText(item, path);
};

function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Fault((t) => t("notObject", { path: path || t("theWhole") }));
  return value as Record<string, unknown>;
}

function listAt(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw new Fault((t) => t("notList", { path }));
  return value as unknown[];
}

/** Reads an object whose members are known. */
const shaped =
  (shape: Readonly<Record<string, Reader>>): Reader =>
  (value, path) => {
    for (const [name, inner] of Object.entries(objectAt(value, path))) {
      const at = `${path}.${name}`;
      if (!Object.hasOwn(shape, name)) throw new Fault((t) => t("noMember", { path: at }));
      shape[name]?.(inner, at);
    }
  };

const asField = shaped({ Source: asText, Target: asText, ContentType: asText });
const asKey = shaped({ StandardIdentifiers: asTexts, FieldNames: asTexts });

const readers: Readonly<Record<string, Reader>> = {
  Description: asText,
  TemplateId: asText,
  AllowProfileCreation: asBoolean,
  SourceLastUpdatedTimestampFormat: asText,
  SourcePriority: asNumber,
  ExpirationDays: asNumber,
  MaxProfileObjectCount: asNumber,
  EncryptionKey: asText,
  Fields: (value, path) => {
    for (const [name, field] of Object.entries(objectAt(value, path))) asField(field, `${path}.${name}`);
  },
  Keys: (value, path) => {
    for (const [name, list] of Object.entries(objectAt(value, path))) {
      const at = `${path}.${name}`;
      const definitions = listAt(list, at);
      if (definitions.length === 0) throw new Fault((t) => t("emptyKey", { path: at }));
      for (const d of definitions) asKey(d, at);
    }
  },
};
