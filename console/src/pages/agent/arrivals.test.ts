import { expect, test } from "vitest";
import { type LiveContact, contactOf, pause, shown, withChange } from "./arrivals";

const contact = (contactId: string, state: LiveContact["state"] = "ARRIVED", more: Partial<LiveContact> = {}): LiveContact => ({ contactId, state, profileIds: [], ...more });
const ids = (list: readonly LiveContact[]): string[] => list.map((c) => c.contactId);

test("a new contact comes first, a change stays in its place, and who has gone is last", () => {
  let list = withChange(withChange([], contact("a")), contact("b"));
  expect(ids(list)).toEqual(["b", "a"]);
  list = withChange(list, contact("a", "CONNECTED", { profileIds: ["p"] }));
  expect(ids(list)).toEqual(["b", "a"]);
  expect(list[1]?.profileIds).toEqual(["p"]);
  list = withChange(list, contact("b", "ENDED"));
  expect(ids(list)).toEqual(["a", "b"]);
  expect(ids(withChange(list, contact("c")))).toEqual(["c", "a", "b"]);
});

test("no more contacts than can be shown; those that have ended give way first", () => {
  let list: LiveContact[] = [contact("gone", "ENDED")];
  for (let i = 0; i < shown + 5; i++) list = withChange(list, contact(`c${i}`));
  expect(list).toHaveLength(shown);
  expect(ids(list)).not.toContain("gone");
  expect(list[0]?.contactId).toBe(`c${shown + 4}`);
});

test("what is no contact is left alone", () => {
  expect(contactOf('{"contactId":"c","state":"ARRIVED","profileIds":["p"]}')).toEqual(contact("c", "ARRIVED", { profileIds: ["p"] }));
  expect(contactOf('{"contactId":"c","state":"ENDED"}')?.profileIds).toEqual([]);
  for (const data of ["", "null", "[]", "{}", '{"contactId":1,"state":"ARRIVED"}', '{"contactId":"c","state":"X"}']) expect(contactOf(data)).toBeUndefined();
});

test("a stream that fails again and again is asked for less often", () => {
  expect([0, 1, 2, 9].map(pause)).toEqual([1000, 2000, 4000, 30_000]);
});
