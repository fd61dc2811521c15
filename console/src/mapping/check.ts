import { contentTypeOf, type DomainKeys, type Field, identifiers, limits, signature } from "./definition";
import type { Draft, FieldRow, KeyRow } from "./draft";
import { Fault, type RuleText, type Say, attempt, braces, quote } from "./fault";
import { type Source, compileSource } from "./source";
import { type ContentType, type StandardField, type StandardObject, fieldAt, predefinedKey, standardObject } from "./standard";
import { type Target, compileTarget } from "./target";
import { checkTimeFormat } from "./timeformat";

/** What of an object type a problem is about. */
export type Place =
  | { part: "field"; row: string; name: string; member: "name" | "source" | "target" | "contentType" }
  | { part: "key"; row: string; name: string; member: "name" | "identifiers" | "fields" }
  | { part: "fields" | "keys" | "both" }
  | { part: "option"; member: OptionMember };

/** Members of an object type besides its fields and keys, by the names of the API. */
export type OptionMember =
  | "ObjectTypeName"
  | "Description"
  | "SourceLastUpdatedTimestampFormat"
  | "SourcePriority"
  | "ExpirationDays"
  | "MaxProfileObjectCount"
  | "EncryptionKey";

/** A rule that a draft breaks, or, of a hint, something that it had better not be. */
export interface Problem {
  place: Place;
  /** The rule, without where it is broken. */
  say: Say;
  /** The fields that break the rule together. */
  pair?: readonly [string, string];
  /** Of a source: what the server says before the reason. */
  source?: string;
}

/** A problem with where it is, as a sentence of its own. */
export function whole({ place, say, pair, source }: Problem, t: RuleText): string {
  const rule = source === undefined ? say(t) : t("sourceInside", { text: source, reason: say(t) });
  if (pair) return t("atPair", { name: pair[0], other: pair[1], rule });
  switch (place.part) {
    case "field":
      return t("atField", { name: place.name, rule });
    case "key":
      return t("atKey", { name: place.name, rule });
    case "fields":
      return t("atFields", { rule });
    case "keys":
      return t("atKeys", { rule });
    case "both":
      return rule;
    case "option":
      return t("atMember", { member: place.member, rule });
  }
}

/** What is known of the domain that a draft is for. */
export interface Surroundings {
  /** The keys of its other object types. */
  keys: DomainKeys;
  /** Objects of a profile that the limits of other types leave. */
  objectsLeft?: number | undefined;
}

/** A field that was read, as far as it can be. */
interface ReadField {
  row: FieldRow;
  source: Source | undefined;
  target: Target | undefined;
  object: StandardObject | undefined;
  standard: StandardField | undefined;
}

/**
 * Every rule of PutProfileObjectType that a draft breaks, in the order in which the
 * server looks at them: the first one is what it would answer, but for rules that are
 * about rows of the same kind, which come in the order of the rows.
 */
export function check(name: string, draft: Draft, around: Surroundings): Problem[] {
  const problems: Problem[] = checkOptions(name, draft, around);
  if (draft.options.templateId !== "") return problems;
  if (draft.fields.length === 0 || draft.keys.length === 0) return [...problems, { place: { part: "both" }, say: (t) => t("bothRequired") }];
  const count = draft.fields.length;
  if (count > limits.fields) problems.push({ place: { part: "fields" }, say: (t) => t("tooManyFields", { most: limits.fields, count }) });
  const fields = draft.fields.map((row) => readField(row, draft.fields, problems));
  checkPairs(fields, problems);
  const byName = new Map(fields.map((f) => [f.row.name, f]));
  for (const row of draft.keys) checkKeyFields(row, byName, problems);
  const definitions = draft.keys.length;
  if (definitions > limits.keyDefinitions) problems.push({ place: { part: "keys" }, say: (t) => t("tooManyKeys", { most: limits.keyDefinitions, count: definitions }) });
  checkKeyNames(draft, around.keys, problems);
  checkIdentifiers(draft, problems);
  checkTargets(draft, fields, problems);
  return problems;
}

const typeNamePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,254}$/;

function checkOptions(name: string, { options }: Draft, around: Surroundings): Problem[] {
  const problems: Problem[] = [];
  const add = (member: OptionMember, say: Say): void => void problems.push({ place: { part: "option", member }, say });
  if (!typeNamePattern.test(name)) add("ObjectTypeName", (t) => t("typeName"));
  else if (name.startsWith("_")) add("ObjectTypeName", (t) => t("typeReserved"));
  const length = [...options.description].length;
  if (length === 0 || length > limits.description) add("Description", (t) => t("description", { most: limits.description }));
  const number = (member: OptionMember, given: string, most: number): void => {
    if (given === "") return;
    if (!/^-?\d{1,15}$/.test(given)) add(member, (t) => t("wholeNumber"));
    else if (Number(given) < 1 || Number(given) > most) add(member, (t) => (most === Infinity ? t("atLeastOne") : t("range", { most })));
  };
  number("SourcePriority", options.sourcePriority, limits.sourcePriority);
  number("ExpirationDays", options.expirationDays, limits.expirationDays);
  number("MaxProfileObjectCount", options.maxObjects, Infinity);
  const left = around.objectsLeft;
  if (left !== undefined && Number(options.maxObjects) > left) add("MaxProfileObjectCount", (t) => t("objectsLeft", { left }));
  if (options.templateId === "" && options.timeFormat !== "") {
    const fault = checkTimeFormat(options.timeFormat);
    if (fault) add("SourceLastUpdatedTimestampFormat", fault.say);
  }
  return problems;
}

const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const keyNamePattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
const isTags = (name: string): boolean => name === "Tags" || name === "tags";

/** A name in a message: in quotes if it is not a good one. */
const shown = (name: string): string => (keyNamePattern.test(name) && !(name.startsWith("_") && !namePattern.test(name.slice(1))) ? name : quote(name));

function readField(row: FieldRow, all: readonly FieldRow[], problems: Problem[]): ReadField {
  const add = (member: "name" | "source" | "target" | "contentType", say: Say, source?: string): void =>
    void problems.push({ place: { part: "field", row: row.id, name: namePattern.test(row.name) ? row.name : quote(row.name), member }, say, ...(source !== undefined && { source }) });
  const read: ReadField = { row, source: undefined, target: undefined, object: undefined, standard: undefined };
  if (!namePattern.test(row.name)) add("name", (t) => t("fieldName", { most: limits.name }));
  else if (isTags(row.name)) add("name", (t) => t("tags"));
  else if (all.some((other) => other !== row && other.name === row.name)) add("name", (t) => t("twice"));

  if (row.source === "") add("source", (t) => t("sourceRequired"));
  else if ([...row.source].length > limits.text) add("source", (t) => t("tooLong", { most: limits.text }));
  else {
    const source = compileSource(row.source);
    if (source instanceof Fault) add("source", source.say, quote(row.source));
    else read.source = source;
  }
  if (!contentTypeOf(row.contentType)) add("contentType", (t) => t("contentType"));
  if (row.target === "") return read;
  const target = compileTarget(row.target);
  if (target instanceof Fault) {
    add("target", (t) => t("targetField", { target: quote(row.target), reason: target.say(t) }));
    return read;
  }
  read.target = target;
  const say = locate(read, target);
  if (say) add("target", say);
  return read;
}

/** Finds the field of the standard object that a target names, or says why there is none to write. */
function locate(read: ReadField, target: Target): Say | undefined {
  const written = read.row.target;
  read.object = standardObject(target.object);
  const { object } = read;
  if (!object) return (t) => t("noObject", { target: written, object: target.object });
  const path = target.path.map((s) => (s.templated ? "any-name" : s.name + (s.list ? "[]" : ""))).join(".");
  const standard = attempt(() => fieldAt(object, path));
  if (standard instanceof Fault) {
    if (target.path.some((s) => s.templated)) return (t) => t("templatedPlace", { target: written, ...braces });
    if (path === "FoundByItems" && object.name === "_profile") return (t) => t("reserved", { target: written });
    return (t) => t("targetField", { target: written, reason: standard.say(t) });
  }
  if (standard.reserved) return (t) => t("reserved", { target: written });
  if (read.source?.list && !standard.list) return (t) => t("oneValue", { target: written });
  read.standard = standard;
  return undefined;
}

const pairs = [
  ["_profile.Gender", "_profile.GenderString"],
  ["_profile.PartyType", "_profile.PartyTypeString"],
] as const;

function checkPairs(fields: readonly ReadField[], problems: Problem[]): void {
  for (const [one, two] of pairs) {
    const a = fields.find((f) => f.row.target === one)?.row;
    const b = fields.find((f) => f.row.target === two)?.row;
    if (!a || !b) continue;
    for (const row of [a, b]) {
      problems.push({ place: { part: "field", row: row.id, name: row.name, member: "target" }, pair: [a.name, b.name], say: (t) => t("pair", { one, two }) });
    }
  }
}

function atKey(row: KeyRow, member: "name" | "identifiers" | "fields"): Place {
  return { part: "key", row: row.id, name: shown(row.name), member };
}

function checkKeyFields(row: KeyRow, fields: ReadonlyMap<string, ReadField>, problems: Problem[]): void {
  const add = (member: "identifiers" | "fields", say: Say): void => void problems.push({ place: atKey(row, member), say });
  for (const name of row.identifiers) if (!identifiers.includes(name)) add("identifiers", (t) => t("identifier", { name: quote(name) }));
  if (row.fieldNames.length === 0) add("fields", (t) => t("fieldNamesEmpty"));
  for (const name of row.fieldNames) {
    const field = fields.get(name);
    if (!field) add("fields", (t) => t("fieldUnknown", { name: quote(name) }));
    else if (field.source?.list && (row.fieldNames.length > 1 || row.identifiers.includes("UNIQUE"))) add("fields", (t) => t("keyList", { name }));
    else if (name.includes(".")) add("fields", (t) => t("fieldDots", { name }));
  }
}

/** The fields of a draft by name, as the content types of keys are taken from them. */
const fieldMap = (draft: Draft): Record<string, Field> => Object.fromEntries(draft.fields.map((f) => [f.name, { ContentType: f.contentType }]));

function checkKeyNames(draft: Draft, domain: DomainKeys, problems: Problem[]): void {
  const fields = fieldMap(draft);
  for (const row of draft.keys) {
    const add = (say: Say): void => void problems.push({ place: atKey(row, "name"), say });
    const { name } = row;
    if (!keyNamePattern.test(name)) {
      add((t) => t("fieldName", { most: limits.name }));
      continue;
    }
    const others = domain.get(name);
    if (isTags(name)) add((t) => t("tags"));
    else if (name.startsWith("_") && !predefinedKey(name) && others === undefined) add((t) => t("keyUnderscore"));
    else if (name.includes(".")) add((t) => t("keyDots"));
    if (others === undefined) continue;
    const definitions = draft.keys.filter((k) => k.name === name).map((k) => ({ FieldNames: k.fieldNames }));
    const own = signature(definitions, fields);
    if (own !== others) add((t) => t("keyTypes", { own, others }));
  }
}

/** Keys that hold ids given by the service: they can be looked up and are never stored from outside. */
const ownIds = new Set(["_profileId", "_orderId", "_caseId", "_assetId"]);

function checkIdentifiers(draft: Draft, problems: Problem[]): void {
  let unique = 0;
  let profiles = 0;
  let creating = 0;
  for (const row of draft.keys) {
    const has = new Set(row.identifiers);
    if (has.has("UNIQUE")) unique++;
    if (has.has("PROFILE")) {
      profiles++;
      if ((!has.has("LOOKUP_ONLY") && !has.has("NEW_ONLY")) || row.name === "_profileId") creating++;
    }
    const add = (say: Say): void => void problems.push({ place: atKey(row, "identifiers"), say });
    if (has.has("UNIQUE") && has.has("LOOKUP_ONLY")) add((t) => t("uniqueLookup"));
    else if (has.has("UNIQUE") && has.has("NEW_ONLY")) add((t) => t("uniqueNew"));
    else if (has.has("SECONDARY") && !has.has("PROFILE")) add((t) => t("secondaryProfile"));
    else if (ownIds.has(row.name) && !has.has("LOOKUP_ONLY")) add((t) => t("ownIds"));
  }
  const add = (say: Say): void => void problems.push({ place: { part: "keys" }, say });
  if (unique !== 1) add((t) => t("oneUnique", { count: unique }));
  if (profiles === 0) add((t) => t("oneProfile"));
  else if (creating === 0 && draft.options.allowProfileCreation) add((t) => t("creatingKey"));
}

/** Each standard object that is written must be found by a key. */
function checkTargets(draft: Draft, fields: readonly ReadField[], problems: Problem[]): void {
  const has = new Set(draft.keys.flatMap((k) => k.identifiers));
  for (const { row, object, standard } of fields) {
    if (!object || !standard) continue;
    const add = (say: Say): void => void problems.push({ place: { part: "field", row: row.id, name: row.name, member: "target" }, say });
    const target = row.target;
    if (!has.has(object.identifier)) add((t) => t("targetKey", { target, identifier: object.identifier }));
    else if (standard.control && object.name === "_profile" && draft.options.timeFormat === "") add((t) => t("targetFormat", { target }));
  }
}

/** What is taken and yet is rarely meant: keys of addresses that are compared letter by letter, fields without a use. */
export function hints(draft: Draft): Problem[] {
  if (draft.options.templateId !== "") return [];
  const found: Problem[] = [];
  const used = new Set(draft.keys.flatMap((k) => k.fieldNames));
  const wanted = wantedTypes(draft);
  for (const row of draft.fields) {
    const at = (member: "source" | "contentType"): Place => ({ part: "field", row: row.id, name: row.name, member });
    const type = contentTypeOf(row.contentType);
    const better = wanted.get(row.name);
    if (better && type === "STRING") found.push({ place: at("contentType"), say: (t) => t("untyped", { type: better }) });
    // An address fills the profile by itself when it is new.
    if (row.target === "" && !used.has(row.name) && type !== "EMAIL_ADDRESS" && type !== "PHONE_NUMBER") found.push({ place: at("source"), say: (t) => t("unused") });
  }
  return found;
}

/** The content types that the fields of keys had better have, by name. A predefined key has its own type everywhere. */
function wantedTypes(draft: Draft): Map<string, ContentType> {
  const wanted = new Map<string, ContentType>();
  const inKeys = new Set(draft.keys.filter((k) => !predefinedKey(k.name)).flatMap((k) => k.fieldNames));
  for (const row of draft.fields) {
    if (!inKeys.has(row.name)) continue;
    if (/^_profile\.(\w+)?EmailAddress$/.test(row.target)) wanted.set(row.name, "EMAIL_ADDRESS");
    if (/^_profile\.(\w+)?PhoneNumber$/.test(row.target)) wanted.set(row.name, "PHONE_NUMBER");
    if (/^_profile\.(First|Middle|Last|Business)Name$/.test(row.target)) wanted.set(row.name, "NAME");
  }
  return wanted;
}
