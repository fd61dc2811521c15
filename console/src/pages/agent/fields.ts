import type { Profile } from "@aws-sdk/client-customer-profiles";
import { useCallback } from "react";
import { useText } from "../../i18n/text";
import catalogue from "./messages";

export const whoFields = ["FirstName", "MiddleName", "LastName", "BusinessName", "PartyTypeString", "BirthDate", "GenderString", "AccountNumber", "AdditionalInformation"] as const;
export const reachFields = [
  "PhoneNumber",
  "MobilePhoneNumber",
  "HomePhoneNumber",
  "BusinessPhoneNumber",
  "EmailAddress",
  "PersonalEmailAddress",
  "BusinessEmailAddress",
] as const;
export const addressFields = ["Address", "ShippingAddress", "MailingAddress", "BillingAddress"] as const;
export const addressParts = ["Address1", "Address2", "City", "State", "PostalCode", "Country"] as const;

export type FlatField = (typeof whoFields)[number] | (typeof reachFields)[number];
export type AddressField = (typeof addressFields)[number];

/** An address on one line. */
export function addressLine(a: Profile["Address"]): string {
  if (!a) return "";
  const street = [a.Address1, a.Address2, a.Address3, a.Address4].filter(Boolean).join(", ");
  const town = [a.PostalCode, a.City].filter(Boolean).join(" ");
  return [street, town, a.County, a.State ?? a.Province, a.Country].filter(Boolean).join(", ");
}

/** A field's value as one text; empty if there is none. */
export function textOf(p: Profile, field: FlatField | AddressField): string {
  if (field === "PartyTypeString") return p.PartyTypeString ?? p.PartyType ?? "";
  if (field === "GenderString") return p.GenderString ?? p.Gender ?? "";
  const value = p[field];
  return typeof value === "string" ? value : addressLine(value);
}

/** Bound of most fields, in characters; of notes. */
export const maxText = 255;
export const maxNotes = 1000;
export const maxOf = (field: string): number => (field === "AdditionalInformation" ? maxNotes : maxText);

/** The names of fields, as people say them. */
export function useFieldName(): (field: FlatField | AddressField | (typeof addressParts)[number]) => string {
  const t = useText(catalogue);
  return useCallback((field) => t(`field_${field}`), [t]);
}
