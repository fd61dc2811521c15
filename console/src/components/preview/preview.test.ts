import { expect, it } from "vitest";
import type { PreviewChange } from "../../api/kindred.types";
import { texts } from "../../i18n/text";
import { fieldChanges, flat } from "./changes";
import catalogue from "./messages";
import { inWords } from "./words";

it("names fields as targets do", () => {
  expect([...flat({ ProfileId: "p", FirstName: "Ada", Address: { City: "Oslo" }, Attributes: { tier: "gold", empty: "" }, FoundByItems: [{ KeyName: "k", Values: ["v"] }] })]).toEqual([
    ["FirstName", "Ada"],
    ["Address.City", "Oslo"],
    ["Attributes.tier", "gold"],
  ]);
  expect(flat(undefined).size).toBe(0);
});

it("shows what a record gives, and the rest if it is wanted", () => {
  const changes: PreviewChange[] = [{ Field: "Attributes.tier", Before: "silver", After: "gold", Reason: "NEWER" }];
  const before = { FirstName: "Ada", Attributes: { tier: "silver" } };
  const after = { FirstName: "Ada", Attributes: { tier: "gold" } };
  expect(fieldChanges(before, after, changes, false)).toEqual([{ field: "Attributes.tier", before: "silver", after: "gold", reason: "NEWER" }]);
  expect(fieldChanges(before, after, changes, true)[1]).toEqual({ field: "FirstName", before: "Ada", after: "Ada", reason: undefined });
  expect(fieldChanges(undefined, after, [], true).map((c) => c.before)).toEqual([undefined, undefined]);
});

it("says what the server says in the user's language, and what it does not know as it is", () => {
  const pt = texts(catalogue, "pt-BR");
  expect(inWords("the record has no _source.a.b", pt)).toBe("o registro não tem _source.a.b");
  expect(inWords("nothing is left of the value of the field tel when it is normalised as PHONE_NUMBER", pt)).toBe("não sobra nada do valor do campo tel quando normalizado como PHONE_NUMBER");
  expect(inWords("something new", pt)).toBe("something new");
});

it("says in English just what the server says", () => {
  const en = texts(catalogue, "en");
  for (const sentence of [
    "the record has no _source.x",
    "_source.items is no array",
    "no key with the identifier ASSET has a value, so _asset is not written",
    "the field a has the same Target and goes first",
    "the value is longer than 255 characters, which Target _profile.FirstName takes",
    "Target _profile.ProfileType takes one of PROFILE, ACCOUNT_PROFILE",
    "the value does not look like one of type EMAIL_ADDRESS, and a field of another type has the same Source",
    "No profile matches the keys of this object and its object type does not allow profile creation",
  ]) {
    expect(inWords(sentence, en)).toBe(sentence);
  }
});
