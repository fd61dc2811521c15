import { expect, test } from "vitest";
import { contests, isOpen, type Side, sourceIds, winner } from "./merging";

const main = { FirstName: "Jon", EmailAddress: "jon@example.org", Gender: "MALE" as const, Address: { City: "Oslo" }, Attributes: { tier: "gold", a: "1" } };
const other = { FirstName: "John", LastName: "Doe", EmailAddress: "jon@example.org", Gender: "UNSPECIFIED" as const, Address: { City: "Bergen" }, Attributes: { tier: "silver", b: "2" } };
const all = contests(main, other);

test("those that differ come first, and what both lack is left out", () => {
  expect(all.map((c) => c.path)).toEqual(["FirstName", "GenderString", "Address", "Attributes.tier", "LastName", "EmailAddress", "Attributes.a", "Attributes.b"]);
  expect(all.filter(isOpen).map((c) => `${c.main}/${c.other}`)).toEqual(["Jon/John", "MALE/UNSPECIFIED", "Oslo/Bergen", "gold/silver"]);
});

test("the main profile wins unless it has nothing or somebody chooses", () => {
  const chosen = new Map<string, Side>([["FirstName", "other"]]);
  const wins = Object.fromEntries(all.map((c) => [c.path, winner(c, chosen)]));
  expect(wins).toMatchObject({ FirstName: "other", GenderString: "main", LastName: "other", EmailAddress: "main", "Attributes.b": "other" });
});

test("a request names only what was chosen against the main profile", () => {
  expect(sourceIds(all, new Map(), "o")).toEqual({});
  const chosen = new Map<string, Side>([["FirstName", "other"], ["GenderString", "other"], ["Address", "main"], ["Attributes.tier", "other"], ["EmailAddress", "other"]]);
  expect(sourceIds(all, chosen, "o")).toEqual({ FirstName: "o", Gender: "o", Attributes: { tier: "o" } });
});
