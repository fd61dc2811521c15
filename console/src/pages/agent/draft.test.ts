import { describe, expect, test } from "vitest";
import { changes, check, draftOf, isSound } from "./draft";

const ada = {
  FirstName: "Ada",
  LastName: "Lovelace",
  EmailAddress: "ada@example.org",
  Gender: "FEMALE" as const,
  Address: { City: "London", PostalCode: "SW1" },
  Attributes: { tier: "gold", since: "1843" },
};

describe("what a call has to say", () => {
  test("nothing if nothing was changed", () => {
    expect(changes(draftOf(ada), draftOf(ada))).toEqual({});
  });

  test("what was changed, and what was emptied as an empty text", () => {
    const after = draftOf(ada);
    after.texts.FirstName = " Augusta ";
    after.texts.EmailAddress = "";
    after.addresses.Address.City = "";
    after.addresses.BillingAddress.Country = "UK";
    after.attributes = [
      { name: "tier", value: "platinum" },
      { name: "pet", value: "cat" },
      { name: "", value: "" },
    ];
    expect(changes(draftOf(ada), after)).toEqual({
      FirstName: "Augusta",
      EmailAddress: "",
      Address: { City: "" },
      BillingAddress: { Country: "UK" },
      Attributes: { tier: "platinum", pet: "cat", since: "" },
    });
  });

  test("everything of a new profile", () => {
    expect(changes(draftOf(), draftOf(ada))).toEqual({
      FirstName: "Ada",
      LastName: "Lovelace",
      EmailAddress: "ada@example.org",
      GenderString: "FEMALE",
      Address: { City: "London", PostalCode: "SW1" },
      Attributes: { tier: "gold", since: "1843" },
    });
  });
});

describe("what is wrong", () => {
  test("a new profile needs a first name only", () => {
    expect(check(draftOf(), true).fields).toEqual({ FirstName: "firstNameMissing" });
    expect(isSound(check(draftOf({ FirstName: "Ada" }), true))).toBe(true);
    expect(isSound(check(draftOf(), false))).toBe(true);
  });

  test("texts that are too long", () => {
    const d = draftOf({ FirstName: "a".repeat(256), AdditionalInformation: "a".repeat(1000), Address: { City: "a".repeat(256) } });
    expect(check(d, true).fields).toEqual({ FirstName: "tooLong", "Address.City": "tooLong" });
  });

  test("attributes without a name, and twice", () => {
    const d = draftOf({ FirstName: "Ada" });
    d.attributes = [{ name: "a", value: "1" }, { name: " a ", value: "2" }, { name: "", value: "3" }, { name: "", value: "" }];
    expect(check(d, true).attributes).toEqual({ 1: "attributeTwice", 2: "attributeUnnamed" });
  });
});
