/** Why a record could not be ingested, as far as the console knows the reasons. */
export type Cause =
  | "missingKey"
  | "tooMany"
  | "keyMissing"
  | "keyInvalid"
  | "tooLarge"
  | "ambiguous"
  | "ambiguousStandard"
  | "noMatch"
  | "noType"
  | "badRecord"
  | "busy"
  | "internal"
  | "other";

/** What has to be mended before a letter is sent again; nothing: to send it again is enough. */
export type Mend = "mapping" | "record" | "key";

// The texts are those that Customer Profiles documents for dead letters, and those
// of this server, which has reasons beside them.
const patterns: readonly (readonly [Cause, RegExp])[] = [
  ["missingKey", /UNIQUE key or PROFILE key does not exist/i],
  ["tooMany", /^Too many objects ingested on profile per second/i],
  ["keyMissing", /EncryptionKey does not exist in the Region/i],
  ["keyInvalid", /KMS key is invalid|invalid KMS key/i],
  ["tooLarge", /larger than (the )?(\d[\d,.]*|#) bytes/i],
  ["ambiguousStandard", /binding to more than one standard object/i],
  ["ambiguous", /binding to more than one profiles?/i],
  ["noMatch", /^No profile matches the keys/i],
  ["noType", /^The object type \S+ does not exist/i],
  ["badRecord", /^Object: /],
  ["busy", /; try again$/i],
  ["internal", /internal error/i],
];

/** The cause that an error text of a dead letter speaks of. */
export function causeOf(message: string): Cause {
  return patterns.find(([, pattern]) => pattern.test(message))?.[0] ?? "other";
}

/** What there is to mend for a cause, what is most likely first. */
export const mends: Readonly<Record<Cause, readonly Mend[]>> = {
  missingKey: ["mapping", "record"],
  tooMany: [],
  keyMissing: ["key"],
  keyInvalid: ["key"],
  tooLarge: ["record"],
  ambiguous: ["record", "mapping"],
  ambiguousStandard: ["record", "mapping"],
  noMatch: ["mapping", "record"],
  noType: ["mapping"],
  badRecord: ["record", "mapping"],
  busy: [],
  internal: [],
  other: ["mapping", "record"],
};
