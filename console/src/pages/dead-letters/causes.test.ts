import { expect, it } from "vitest";
import { type Cause, causeOf, mends } from "./causes";
import catalogue from "./messages";

const examples: Record<Cause, string[]> = {
  missingKey: ["The UNIQUE key or PROFILE key does not exist in the profile object"],
  tooMany: ["Too many objects ingested on profile per second"],
  keyMissing: [
    "Customer Profiles cannot ingest the object due to the EncryptionKey does not exist in the Region, the EncryptionKey does not have a grant for Customer Profiles to use, or the EncryptionKey does not have the GenerateDataKey permission",
  ],
  keyInvalid: ["KMS key is invalid", "Customer Profiles cannot ingest the object due to invalid KMS key"],
  tooLarge: ["Your data contains profile object larger than 256000 bytes", "Your data contains profile object larger than # bytes", "The object is larger than the 52428800 bytes that a profile holds"],
  ambiguous: ["All keys of this object are binding to more than one profiles"],
  ambiguousStandard: ["The keys of this object are binding to more than one standard object of the profile"],
  noMatch: ["No profile matches the keys of this object and its object type does not allow profile creation"],
  noType: ["The object type Order does not exist in the domain"],
  badRecord: ["Object: not a JSON object: unexpected end", "Object: field phone: a list of at most 50 values"],
  busy: ["Too many changes to the same profile at the same time; try again", "The configuration of the domain is changing; try again"],
  internal: ["The object could not be ingested because of an internal error"],
  other: ["something else", ""],
};

it("knows every error that this server and Customer Profiles write into dead letters", () => {
  for (const [cause, messages] of Object.entries(examples)) for (const m of messages) expect(causeOf(m), m).toBe(cause);
});

it("has a name, a meaning and a repair for every cause", () => {
  for (const cause of Object.keys(mends)) {
    for (const key of [`cause_${cause}`, `meaning_${cause}`, `repair_${cause}`]) expect(Object.keys(catalogue), key).toContain(key);
  }
});
