import type { Profile, UpdateProfileCommandInput } from "@aws-sdk/client-customer-profiles";
import { type AddressField, type FlatField, addressFields, addressParts, maxOf, maxText, reachFields, whoFields } from "./fields";

export type AddressDraft = Record<(typeof addressParts)[number], string>;

/** A profile as a form holds it: every field is a text, and what is not there is empty. */
export interface Draft {
  texts: Record<FlatField, string>;
  addresses: Record<AddressField, AddressDraft>;
  attributes: { name: string; value: string }[];
}

const flat: readonly FlatField[] = [...whoFields, ...reachFields];

/** What a form shows of a profile; of none, nothing. */
export function draftOf(p: Partial<Profile> = {}): Draft {
  const texts = Object.fromEntries(flat.map((f) => [f, p[f] ?? ""])) as Draft["texts"];
  if (!texts.PartyTypeString) texts.PartyTypeString = p.PartyType ?? "";
  if (!texts.GenderString) texts.GenderString = p.Gender ?? "";
  const addresses = Object.fromEntries(addressFields.map((f) => [f, Object.fromEntries(addressParts.map((a) => [a, p[f]?.[a] ?? ""]))])) as Draft["addresses"];
  const attributes = Object.entries(p.Attributes ?? {})
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, value]) => ({ name, value }));
  return { texts, addresses, attributes };
}

/** What is wrong with a draft, by field; attributes by their place. */
export interface Faults {
  fields: Partial<Record<string, "firstNameMissing" | "tooLong">>;
  attributes: Partial<Record<number, "attributeUnnamed" | "attributeTwice" | "tooLong">>;
}

/** Checks a draft. A first name is required where a profile is made. */
export function check(d: Draft, creating: boolean): Faults {
  const faults: Faults = { fields: {}, attributes: {} };
  for (const f of flat) if (d.texts[f].length > maxOf(f)) faults.fields[f] = "tooLong";
  for (const f of addressFields) for (const a of addressParts) if (d.addresses[f][a].length > maxText) faults.fields[`${f}.${a}`] = "tooLong";
  if (creating && !d.texts.FirstName.trim()) faults.fields["FirstName"] = "firstNameMissing";
  const seen = new Set<string>();
  d.attributes.forEach(({ name, value }, i) => {
    if (!name.trim() && !value) return;
    if (!name.trim()) faults.attributes[i] = "attributeUnnamed";
    else if (seen.has(name.trim())) faults.attributes[i] = "attributeTwice";
    else if (name.trim().length > maxText || value.length > maxText) faults.attributes[i] = "tooLong";
    seen.add(name.trim());
  });
  return faults;
}

export const isSound = (f: Faults): boolean => Object.keys(f.fields).length === 0 && Object.keys(f.attributes).length === 0;

type Changes = Omit<UpdateProfileCommandInput, "DomainName" | "ProfileId">;

/**
 * What a call has to say to make of one draft the other: fields that stayed are left
 * out, and a field that was emptied is an empty text, which removes it.
 */
export function changes(before: Draft, after: Draft): Changes {
  const out: Changes = {};
  for (const f of flat) if (after.texts[f].trim() !== before.texts[f]) out[f] = after.texts[f].trim();
  const addressUpdate = (f: AddressField): Record<string, string> | undefined => {
    const parts = addressParts.filter((a) => after.addresses[f][a].trim() !== before.addresses[f][a]);
    return parts.length > 0 ? Object.fromEntries(parts.map((a) => [a, after.addresses[f][a].trim()])) : undefined;
  };
  for (const f of addressFields) {
    const parts = addressUpdate(f);
    if (parts) out[f] = parts;
  }
  const now = new Map(after.attributes.filter((a) => a.name.trim() && a.value.trim()).map((a) => [a.name.trim(), a.value.trim()]));
  const had = new Map(before.attributes.map((a) => [a.name, a.value]));
  const attributes: Record<string, string> = {};
  for (const [name, value] of now) if (had.get(name) !== value) attributes[name] = value;
  for (const name of had.keys()) if (!now.has(name)) attributes[name] = "";
  if (Object.keys(attributes).length > 0) out.Attributes = attributes;
  return out;
}
