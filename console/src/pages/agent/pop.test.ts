import { describe, expect, test } from "vitest";
import { asks, popOf, popOfMessage } from "./pop";

describe("what a softphone wants to be shown", () => {
  const of = (query: string) => popOf(new URLSearchParams(query));

  test("a telephone number and the contact", () => {
    expect(of("phone=%2B12065550100&contactId=c-1&domain=shop&instanceId=i-1")).toEqual({
      domain: "shop",
      instanceId: "i-1",
      contactId: "c-1",
      clues: [{ name: "_phone", value: "+12065550100" }],
    });
  });

  test("a plus that was not escaped", () => {
    expect(of("phone=+12065550100").clues).toEqual([{ name: "_phone", value: "+12065550100" }]);
  });

  test("any key", () => {
    expect(of("loyaltyNumber=77&_orderId=9").clues).toEqual([
      { name: "loyaltyNumber", value: "77" },
      { name: "_orderId", value: "9" },
    ]);
  });

  test("nothing", () => {
    expect(asks(of(""))).toBe(false);
    expect(asks(of("q=ada&domain=shop"))).toBe(false);
    expect(of(`phone=${"1".repeat(256)}`).clues).toEqual([]);
    expect(of("a%20b=1").clues).toEqual([]);
  });
});

describe("messages", () => {
  const allowed = ["https://phone.example"];
  const data = { type: "kindred.open", email: "ada@example.org" };

  test("from an allowed origin", () => {
    expect(popOfMessage("https://phone.example", data, allowed)?.clues).toEqual([{ name: "_email", value: "ada@example.org" }]);
  });

  test.each([
    ["from elsewhere", "https://evil.example", data],
    ["of an origin that starts alike", "https://phone.example.evil", data],
    ["of another kind", "https://phone.example", { ...data, type: "x" }],
    ["that ask for nothing", "https://phone.example", { type: "kindred.open" }],
    ["that are no objects", "https://phone.example", "kindred.open"],
    ["that are null", "https://phone.example", null],
  ])("%s are left alone", (_, origin, message) => {
    expect(popOfMessage(origin, message, allowed)).toBeUndefined();
  });
});
