/** A key and a value that profiles are searched by. */
export interface Clue {
  name: string;
  value: string;
}

/** Keys of one call of SearchProfiles. */
export const keysPerCall = 5;

/** Calls of one search, at most: 100 keys and then some. */
const callsPerSearch = 20;

/** The keys that every domain has and that people search by, from the likeliest. */
const common = ["_phone", "_email", "_account", "_fullName"] as const;

/** Shorthands of keys, as people and softphones write them. */
const shorthands: Readonly<Record<string, string>> = {
  phone: "_phone",
  telephone: "_phone",
  email: "_email",
  mail: "_email",
  account: "_account",
  name: "_fullName",
  fullname: "_fullName",
  profile: "_profileId",
  profileid: "_profileId",
  contact: "_ctrContactId",
  contactid: "_ctrContactId",
  order: "_orderId",
  orderid: "_orderId",
  case: "_caseId",
  caseid: "_caseId",
  asset: "_assetId",
  assetid: "_assetId",
};

/** The key that a name means; the name itself if it is no shorthand. */
export const keyNamed = (name: string): string => shorthands[name.toLowerCase()] ?? name;

const emailLike = /^[^\s@]+@[^\s@]+$/;
const phoneLike = /^[+(]?[\d\s().\-/]+$/;
const idLike = /^[0-9a-f]{32}$/i;
const uuidLike = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const named = /^([A-Za-z_][\w-]*)\s*[=:]\s*(\S.*)$/;

/**
 * By what to search for a text that somebody has typed, the likeliest first. known are
 * the keys of the domain's object types. A text such as orderId=4711 names its key.
 */
export function clues(text: string, known: readonly string[] = []): Clue[] {
  const value = text.trim();
  if (!value) return [];
  const pair = named.exec(value);
  if (pair?.[1] && pair[2]) {
    const name = keyNamed(pair[1]);
    if (name !== pair[1] || name.startsWith("_") || known.includes(name)) return [{ name, value: pair[2].trim() }];
  }
  const names: string[] = [];
  const digits = value.replace(/\D/g, "").length;
  const words = /\p{L}/u.test(value) && !/\d/.test(value);
  if (emailLike.test(value)) names.push("_email");
  if (idLike.test(value)) names.push("_profileId");
  else if (uuidLike.test(value)) names.push("_ctrContactId");
  else if (phoneLike.test(value) && digits >= 5) names.push("_phone");
  if (words) names.push("_fullName");
  // Of what looks like an address nobody wants the rest; anything else may be a number
  // of whatever the domain knows.
  if (!emailLike.test(value)) names.push("_account", ...known.filter((k) => !(common as readonly string[]).includes(k)), "_orderId", "_caseId", "_assetId", "_fullName");
  else names.push("_account", ...known.filter((k) => !(common as readonly string[]).includes(k)));
  return [...new Set(names)].slice(0, keysPerCall * callsPerSearch).map((name) => ({ name, value: value.replace(/\s+/g, " ") }));
}

/** The clues of each call, in order. */
export function calls(all: readonly Clue[]): Clue[][] {
  const list: Clue[][] = [];
  for (let i = 0; i < all.length; i += keysPerCall) list.push(all.slice(i, i + keysPerCall));
  return list;
}
