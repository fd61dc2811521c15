import type { PreviewChange, Profile } from "../../api/kindred.types";

/** A field of a profile before and after a record. */
export interface FieldChange {
  field: string;
  before: string | undefined;
  after: string | undefined;
  /** Why, for the fields that the record gives. */
  reason: PreviewChange["Reason"] | undefined;
}

/** What the service notes and no person looks for in a profile. */
const hidden = new Set(["ProfileId", "FoundByItems"]);

/** The fields of a profile by their paths, as targets write them. */
export function flat(profile: Profile | undefined): Map<string, string> {
  const fields = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "object" && value !== null) {
      for (const [name, inner] of Object.entries(value)) walk(inner, path === "" ? name : Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`);
    } else if (value !== undefined && value !== null && value !== "") fields.set(path, String(value));
  };
  for (const [name, value] of Object.entries(profile ?? {})) if (!hidden.has(name)) walk(value, name);
  return fields;
}

/** Each field that a profile has or would have: those that the record gives first, then, if all are wanted, the others. */
export function fieldChanges(before: Profile | undefined, after: Profile | undefined, changes: readonly PreviewChange[], all: boolean): FieldChange[] {
  const given = changes.map((c) => ({ field: c.Field, before: c.Before, after: c.After, reason: c.Reason }));
  if (!all) return given;
  const named = new Set(given.map((c) => c.field));
  const [old, next] = [flat(before), flat(after)];
  const others = [...new Set([...old.keys(), ...next.keys()])].filter((f) => !named.has(f));
  return [...given, ...others.map((field) => ({ field, before: old.get(field), after: next.get(field), reason: undefined }))];
}
