import type { Text } from "../../i18n/text";
import type catalogue from "./messages";

type PreviewText = Text<typeof catalogue>;

/** Sentences of the server about a record, and ours for them; {name} in theirs is what stands there. */
const known: readonly (readonly [RegExp, (t: PreviewText, groups: readonly string[]) => string])[] = [
  [/^the record has no (.+)$/, (t, [path = ""]) => t("hasNo", { path })],
  [/^(.+) is no array$/, (t, [path = ""]) => t("noArray", { path })],
  [/^the array is empty$/, (t) => t("arrayEmpty")],
  [/^no element of the array has a value$/, (t) => t("noElement")],
  [/^the value is null$/, (t) => t("isNull")],
  [/^the value is empty$/, (t) => t("isEmpty")],
  [/^the template gives no text$/, (t) => t("noText")],
  [/^no key and no Target uses the field$/, (t) => t("unused")],
  [/^the field (\S+) has no value$/, (t, [name = ""]) => t("fieldEmpty", { name })],
  [/^nothing is left of the value of the field (\S+) when it is normalised as (\S+)$/, (t, [name = "", type = ""]) => t("nothingLeftOf", { name, type })],
  [/^nothing is left of the values when they are normalised$/, (t) => t("nothingLeft")],
  [/^no key with the identifier (\S+) has a value, so (\S+) is not written$/, (t, [identifier = "", object = ""]) => t("noKeyWith", { identifier, object })],
  [/^the field (\S+) has the same Target and goes first$/, (t, [name = ""]) => t("goesFirst", { name })],
  [/^the value is no time in the format of the object type, so the record has no time by it$/, (t) => t("notATime")],
  [/^the field (\S+) gives the time of the record$/, (t, [name = ""]) => t("timeOf", { name })],
  [/^the value is longer than (\d+) characters$/, (t, [most = ""]) => t("tooLong", { most })],
  [/^the value is longer than (\d+) characters, which Target (.+) takes$/, (t, [most = "", target = ""]) => t("tooLongFor", { most, target })],
  [/^the record lacks the part of the Target in \{\{\}\}$/, (t) => t("lacksPart")],
  [/^Target (.+) takes one of (.+)$/, (t, [target = "", values = ""]) => t("oneOf", { target, values })],
  [/^the value does not look like one of type (\S+), and a field of another type has the same Source$/, (t, [type = ""]) => t("looksOther", { type })],
  [/^No profile matches the keys of this object and its object type does not allow profile creation$/, (t) => t("noMatch")],
  [/^The UNIQUE key or PROFILE key does not exist in the profile object$/, (t) => t("missingKey")],
];

/** A sentence of the server about a record, in the user's language where it is known. */
export function inWords(sentence: string, t: PreviewText): string {
  for (const [pattern, say] of known) {
    const found = pattern.exec(sentence);
    if (found) return say(t, found.slice(1));
  }
  return sentence;
}
