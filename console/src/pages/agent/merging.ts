import type { FieldSourceProfileIds, Profile } from "@aws-sdk/client-customer-profiles";
import { type AddressField, type FlatField, addressFields, reachFields, textOf, whoFields } from "./fields";

/** A field that one of two profiles has, and both values as texts. */
export interface Contest {
  /** As merges name it: FirstName, Address, Attributes.tier. */
  path: string;
  /** A field's name, or an attribute's. */
  field: FlatField | AddressField | undefined;
  attribute: string | undefined;
  main: string;
  other: string;
}

/** The side that gives a field. */
export type Side = "main" | "other";

/** What two profiles have, field by field; those that differ first. */
export function contests(main: Profile, other: Profile): Contest[] {
  const fields = [...whoFields, ...reachFields, ...addressFields].map((field): Contest => ({ path: field, field, attribute: undefined, main: textOf(main, field), other: textOf(other, field) }));
  const names = [...new Set([...Object.keys(main.Attributes ?? {}), ...Object.keys(other.Attributes ?? {})])].sort();
  const attributes = names.map((attribute): Contest => ({ path: `Attributes.${attribute}`, field: undefined, attribute, main: main.Attributes?.[attribute] ?? "", other: other.Attributes?.[attribute] ?? "" }));
  const all = [...fields, ...attributes].filter((c) => c.main || c.other);
  return [...all.filter(isOpen), ...all.filter((c) => !isOpen(c))];
}

/** Both have a value, and not the same: somebody has to choose. */
export const isOpen = (c: Contest): boolean => c.main !== "" && c.other !== "" && c.main !== c.other;

/** Whose value the merged profile has, if nobody chooses: the main one's, unless it has none. */
export const winner = (c: Contest, chosen: ReadonlyMap<string, Side>): Side => (isOpen(c) ? (chosen.get(c.path) ?? "main") : c.main ? "main" : "other");

/** How a request names a field of a contest. */
const requestNames: Partial<Record<string, keyof FieldSourceProfileIds>> = { PartyTypeString: "PartyType", GenderString: "Gender" };

/** What a request has to say for the choices that differ from what would be so anyway. */
export function sourceIds(all: readonly Contest[], chosen: ReadonlyMap<string, Side>, otherId: string): FieldSourceProfileIds {
  const out: FieldSourceProfileIds = {};
  const attributes: Record<string, string> = {};
  for (const c of all) {
    if (!isOpen(c) || winner(c, chosen) !== "other") continue;
    if (c.attribute !== undefined) attributes[c.attribute] = otherId;
    else Object.assign(out, { [requestNames[c.path] ?? c.path]: otherId });
  }
  return { ...out, ...(Object.keys(attributes).length > 0 && { Attributes: attributes }) };
}
