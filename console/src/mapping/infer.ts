import { type Definition, type DomainKeys, type Field, type KeyDefinition, limits } from "./definition";
import { type Meaning, isIdentifier, meaningOf } from "./meaning";
import { camel, freeName, plain, wordsOf } from "./names";
import { type Leaf, leavesOf, sourceOf } from "./sample";
import { type ContentType, type StandardObject, predefinedKey, standardObject } from "./standard";

/** The kinds of records that can be made of a sample, by the standard object that one fills. */
export const kinds = ["_profile", "_order", "_asset", "_case"] as const;
export type RecordKind = (typeof kinds)[number];

const kindWords: Readonly<Record<Exclude<RecordKind, "_profile">, RegExp>> = {
  _order: /^(?:orders?|purchases?|invoices?|pedidos?|compras?|sales?|vendas?|total|totalprice|lineitems?|items|itens)$/,
  _case: /^(?:cases?|tickets?|incidents?|issues?|complaints?|chamados?|casos?|reclamac(?:ao|oes))$/,
  _asset: /^(?:assets?|devices?|registrations?|products?|serial|serialnumber|ativos?|equipamentos?|produtos?)$/,
};

/** What records of a type with this name and these samples seem to be about. */
export function guessKind(typeName: string, records: readonly unknown[]): RecordKind {
  const typeWords = wordsOf(typeName);
  const names = records.flatMap((r) => (typeof r === "object" && r !== null ? Object.keys(r) : []));
  const top = new Set(names.flatMap((n) => [plain(n), ...wordsOf(n)]));
  let best: RecordKind = "_profile";
  let most = 0;
  for (const [kind, pattern] of Object.entries(kindWords)) {
    const score = 3 * typeWords.filter((w) => pattern.test(w)).length + [...top].filter((w) => pattern.test(w)).length;
    if (score > most) [best, most] = [kind as RecordKind, score];
  }
  // One word alone says nothing of somebody who has a name.
  const person = [...top].some((w) => /^(?:firstname|lastname|givenname|familyname|surname|fullname|birthdate|dob|sobrenome|nascimento)$/.test(w));
  return most >= 2 && !(person && most < 3) ? best : "_profile";
}

/** What may stand under other names in records of a kind, by the field of its standard object. */
const synonyms: Readonly<Record<RecordKind, Readonly<Record<string, RegExp>>>> = {
  _profile: {},
  _order: {
    Name: /^(?:order|pedido)?(?:number|numero|no|name|code|codigo)$/,
    Status: /^(?:order)?(?:status|state|situacao)$/,
    CreatedDate: /^(?:order|created|placed|data|date|dt)(?:at|on|date|time|pedido|criacao)?$|^orderedat$|^criadoem$/,
    UpdatedDate: /^(?:last)?(?:updated|modified)(?:at|on|date|time)?$|^atualizadoem$/,
    TotalPrice: /^(?:grand)?total(?:price|amount|value)?$|^amount$|^valor(?:total)?$/,
    TotalTax: /^(?:total)?tax(?:es)?$|^impostos?$/,
    TotalDiscounts: /^(?:total)?discounts?$|^descontos?$/,
    Currency: /^currency(?:code)?$|^moeda$/,
    "OrderItems[].Title": /^(?:title|name|product|productname|description|nome|produto|descricao)$/,
    "OrderItems[].Price": /^(?:price|unitprice|amount|preco|valor)$/,
    "OrderItems[].Quantity": /^(?:quantity|qty|count|quantidade|qtd)$/,
  },
  _asset: {
    AssetName: /^(?:asset|product|device)?(?:name|nome)$|^produto$|^product$/,
    SerialNumber: /^serial(?:number|no|num)?$|^numerodeserie$|^serie$/,
    ModelName: /^model(?:name)?$|^modelo$/,
    ModelNumber: /^model(?:number|no|code)$/,
    ProductSKU: /^(?:product)?sku$/,
    PurchaseDate: /^(?:purchased?|bought)(?:at|on|date)?$|^datacompra$|^compradoem$/,
    Status: /^(?:status|state|situacao)$/,
    Description: /^(?:description|descricao)$/,
    Price: /^(?:price|preco|valor)$/,
    Quantity: /^(?:quantity|qty|quantidade)$/,
  },
  _case: {
    Title: /^(?:title|subject|titulo|assunto)$/,
    Summary: /^(?:summary|description|body|text|resumo|descricao)$/,
    Status: /^(?:status|state|situacao)$/,
    Reason: /^(?:reason|category|type|motivo|categoria|tipo)$/,
    CreatedBy: /^(?:createdby|agent|author|atendente)$/,
    CreatedDate: /^(?:created|opened|date|data)(?:at|on|date|time|abertura)?$|^abertoem$|^criadoem$/,
    UpdatedDate: /^(?:last)?(?:updated|modified)(?:at|on|date|time)?$|^atualizadoem$/,
    ClosedDate: /^(?:closed|resolved|solved)(?:at|on|date|time)?$|^fechadoem$|^encerradoem$/,
  },
};

const updatedName = /^(?:last|source)?(?:updated|update|modified|changed|change)(?:at|on|date|time|timestamp)?$|^dataatualizacao$|^atualizadoem$|^modifiedtimestamp$/;
const customerWords = new Set(["customer", "client", "member", "user", "account", "contact", "person", "buyer", "cliente", "usuario", "conta", "socio", "contato"]);

/** A field that is being made. */
interface Made {
  leaf: Leaf;
  words: string[];
  name: string;
  meaning: Meaning;
  field: Field;
}

/** What an inference knows while it goes on. */
class Inference {
  readonly fields = new Map<string, Field>();
  readonly keys = new Map<string, KeyDefinition[]>();
  readonly made: Made[] = [];
  readonly targets = new Set<string>();
  timeFormat = "";
  readonly typeName: string;
  readonly object: StandardObject;
  readonly domain: DomainKeys;

  constructor(typeName: string, object: StandardObject, domain: DomainKeys) {
    this.typeName = typeName;
    this.object = object;
    this.domain = domain;
  }

  /** Takes a target, unless another field has it already. */
  claim(target: string): string | undefined {
    if (this.targets.has(target)) return undefined;
    this.targets.add(target);
    return target;
  }

  add(words: readonly string[], field: Field): string {
    const name = freeName(words, (n) => this.fields.has(n));
    this.fields.set(name, field);
    return name;
  }
}

/**
 * Makes an object type of sample records: fields with their targets and content types,
 * and keys that suit them. It is a start, and needs the eye of somebody who knows the
 * records. domain are the keys that the domain has: where a field fits one, it is used.
 */
export function infer(typeName: string, kind: RecordKind, records: readonly unknown[], domain: DomainKeys): Definition {
  const object = standardObject(kind);
  if (!object) throw new Error(`no standard object ${kind}`);
  const x = new Inference(typeName, object, domain);
  const leaves = leavesOf(records).slice(0, limits.fields - 2);
  const meanings = leaves.map(meaningOf);
  // name is the first name of somebody only where nothing else is.
  const named = meanings.some((m) => m.profile === "FirstName" || m.profile === "LastName");
  const firstOnly = meanings.some((m) => m.profile === "LastName") && !meanings.some((m) => m.profile === "FirstName");
  leaves.forEach((leaf, i) => {
    const meaning = meanings[i] ?? { type: "STRING" };
    if (kind === "_profile") profileField(x, leaf, meaning.profile === "name" ? { type: "NAME", ...((!named || firstOnly) && { profile: "FirstName" }) } : meaning);
    else objectField(x, kind, leaf, meaning);
  });
  uniqueKey(x, kind);
  linkKeys(x, kind);
  searchKeys(x, kind);
  const withKeys = new Set([...x.keys.values()].flat().flatMap((k) => k.FieldNames ?? []));
  return {
    Description: "",
    AllowProfileCreation: [...x.keys.values()].flat().some((k) => k.StandardIdentifiers?.includes("PROFILE")),
    ...(x.timeFormat !== "" && { SourceLastUpdatedTimestampFormat: x.timeFormat }),
    Fields: Object.fromEntries([...x.fields].filter(([name, f]) => f.Target !== undefined || withKeys.has(name))),
    Keys: Object.fromEntries(x.keys),
  };
}

const namesOf = (leaf: Leaf): string[] => [...leaf.path, ...(leaf.rest ?? [])].filter((s) => typeof s === "string");

/** The words of a leaf's own name, with those around it where the own ones are too general. */
function fieldWords(leaf: Leaf, taken: (name: string) => boolean): string[] {
  const names = namesOf(leaf);
  let words = wordsOf(names.at(-1) ?? "");
  for (let i = names.length - 2; i >= 0 && (words.length === 0 || taken(camel(words))); i--) words = [...wordsOf(names[i] ?? ""), ...words];
  return words.length > 0 ? words : ["field"];
}

function make(x: Inference, leaf: Leaf, meaning: Meaning, target: string | undefined): void {
  const words = fieldWords(leaf, (n) => x.fields.has(n));
  const source = Array.isArray(leaf.values[0]) && target && !target.includes("[]") ? `{{${sourceOf(leaf).replace(/\[\]$/, "")}}}` : sourceOf(leaf);
  const field: Field = { Source: source, ...(target && { Target: target }), ...(meaning.type !== "STRING" && { ContentType: meaning.type }) };
  const name = x.add(words, field);
  x.made.push({ leaf, words, name, meaning, field });
}

/** An attribute of the object for what has no field of its own; none for what an attribute cannot hold. */
function attribute(x: Inference, leaf: Leaf): string | undefined {
  if (leaf.rest) return undefined;
  const names = namesOf(leaf);
  for (let i = names.length - 1; i >= 0; i--) {
    const target = `${x.object.name}.Attributes.${camel(names.slice(i).flatMap(wordsOf)).slice(0, 255)}`;
    if (!target.endsWith(".") && !x.targets.has(target)) return x.claim(target);
  }
  return undefined;
}

/** Fields that take what another of the same sort has taken no more. */
const otherPlaces: Readonly<Record<string, readonly string[]>> = {
  EmailAddress: ["PersonalEmailAddress", "BusinessEmailAddress"],
  PhoneNumber: ["MobilePhoneNumber", "HomePhoneNumber", "BusinessPhoneNumber"],
};

function profileField(x: Inference, leaf: Leaf, meaning: Meaning): void {
  if (leaf.rest) return; // a list has no place in a profile
  if (updatedName.test(plain(namesOf(leaf).at(-1) ?? ""))) {
    const format = timeFormatOf(leaf.values);
    if (format && x.claim("_profile.SourceLastUpdatedTimestamp")) {
      x.timeFormat = format;
      return make(x, leaf, { type: "STRING" }, "_profile.SourceLastUpdatedTimestamp");
    }
  }
  const { profile } = meaning;
  if (profile) {
    for (const place of [profile, ...(otherPlaces[profile] ?? [])]) {
      const target = x.claim(`_profile.${place}`);
      if (target) return make(x, leaf, meaning, target);
    }
  }
  make(x, leaf, meaning, attribute(x, leaf));
}

function objectField(x: Inference, kind: RecordKind, leaf: Leaf, meaning: Meaning): void {
  const names = namesOf(leaf);
  const target = fieldOfObject(x, kind, leaf, names);
  if (target) {
    const control = updatedName.test(plain(names.at(-1) ?? "")) && timeFormatOf(leaf.values) !== undefined;
    make(x, leaf, { type: meaning.type === "NAME" ? "STRING" : meaning.type }, target);
    // The time by which an older record does not overwrite a newer one.
    const time = control && !leaf.rest ? x.claim(`${x.object.name}.SourceLastUpdatedTimestamp`) : undefined;
    if (time) x.add(["source", "updated"], { Source: sourceOf(leaf), Target: time });
    return;
  }
  // Whose it is serves keys, and stays where it is known: in the profile.
  const about = names.some((n) => wordsOf(n).some((w) => customerWords.has(w)));
  const address = meaning.type === "EMAIL_ADDRESS" || meaning.type === "PHONE_NUMBER";
  if (address || (about && isIdentifier(wordsOf(names.at(-1) ?? "")))) return make(x, leaf, meaning, undefined);
  if (about && names.length > 1) return;
  make(x, leaf, meaning, attribute(x, leaf));
}

/** The field of the standard object that a leaf is, by its name. */
function fieldOfObject(x: Inference, kind: RecordKind, leaf: Leaf, names: readonly string[]): string | undefined {
  const last = plain(names.at(-1) ?? "");
  const path = plain(names.join(" "));
  for (const f of x.object.fields) {
    if (f.reserved || f.control || f.list !== (leaf.rest !== undefined) || f.path.includes("{}")) continue;
    const [, own = f.path] = /\[\]\.(.+)$/.exec(f.path) ?? [];
    const synonym = synonyms[kind][f.path];
    const fits = plain(own) === last || plain(f.path) === path || (synonym?.test(last) && (names.length === 1 || f.list));
    if (!fits || (f.path.includes("Address.") && !/billing|shipping|cobranca|entrega/.test(path))) continue;
    if (f.path.startsWith("BillingAddress") && !/billing|cobranca/.test(path)) continue;
    if (f.path.startsWith("ShippingAddress") && !/shipping|entrega/.test(path)) continue;
    const target = x.claim(`${x.object.name}.${f.path}`);
    if (target) return target;
  }
  return undefined;
}

/** How likely it is that a leaf identifies the record. */
function identity(x: Inference, { leaf, words, meaning }: Made): number {
  const values = leaf.values;
  const good = values.every((v) => (typeof v === "string" && v.trim() !== "" && v.length <= 128) || typeof v === "number");
  if (!good || leaf.rest || new Set(values).size < values.length) return 0;
  const typeWords = wordsOf(x.typeName);
  const own = wordsOf(namesOf(leaf).at(-1) ?? "");
  const depth = leaf.path.length - 1;
  const ofType = own.some((w) => typeWords.some((t) => t === w || t === `${w}s` || w === `${t}s`));
  const others = own.some((w) => customerWords.has(w)) && !ofType;
  let score = 0;
  if (/^(?:uu|gu)?id$/.test(own.join("")) || /^_?id$/i.test(namesOf(leaf).at(-1) ?? "")) score = 90;
  else if (ofType && isIdentifier(own)) score = 95;
  else if (meaning.profile === "AccountNumber" && x.object.name === "_profile") score = 85;
  else if (/^(?:cpf|cnpj|ssn)$/.test(own.join(""))) score = 70;
  else if (isIdentifier(own) && meaning.type === "STRING" && !meaning.profile) score = others ? 30 : 60;
  if (meaning.profile?.includes("Address.") || words.length === 0) score = 0;
  return score === 0 ? 0 : score - 15 * depth;
}

function uniqueKey(x: Inference, kind: RecordKind): void {
  let best: Made | undefined;
  let score = 0;
  for (const m of x.made) {
    const s = identity(x, m);
    if (s > score) [best, score] = [m, s];
  }
  // Without any other identity, an address is one.
  best ??= kind === "_profile" ? (x.made.find((m) => m.meaning.type === "EMAIL_ADDRESS") ?? x.made.find((m) => m.meaning.type === "PHONE_NUMBER")) : undefined;
  if (!best) return;
  const { type } = best.meaning;
  const name = type === "EMAIL_ADDRESS" ? "_email" : type === "PHONE_NUMBER" ? "_phone" : keyName(x, best);
  x.keys.set(name, [{ StandardIdentifiers: [x.object.identifier, "UNIQUE"], FieldNames: [best.name] }]);
}

/** The name of the key of a field: one that the domain has already for the same thing, else the type's and the field's. */
function keyName(x: Inference, m: Made): string {
  const type = m.field.ContentType ?? "STRING";
  const own = wordsOf(namesOf(m.leaf).at(-1) ?? "");
  const typeWords = wordsOf(x.typeName);
  const wanted = own.some((w) => typeWords.includes(w)) ? own : [...typeWords, ...own];
  return shared(x, [wanted], type) ?? freeName(wanted, (n) => x.keys.has(n) || (x.domain.has(n) && x.domain.get(n) !== type));
}

/** A key of the domain that has one of the names, however they are written, and the content type. */
function shared(x: Inference, names: readonly (readonly string[])[], type: ContentType | string): string | undefined {
  const wanted = new Set(names.map((w) => w.join("")));
  for (const [key, signature] of x.domain) if (signature === type && !x.keys.has(key) && !predefinedKey(key) && wanted.has(plain(key))) return key;
  return undefined;
}

/** Keys by which a record finds the profile that it belongs to. */
function linkKeys(x: Inference, kind: RecordKind): void {
  const unique = new Set([...x.keys.values()].flat().flatMap((k) => k.FieldNames ?? []));
  for (const m of x.made) {
    if (unique.has(m.name) || m.leaf.rest) continue;
    const type = m.field.ContentType ?? "STRING";
    const all = namesOf(m.leaf).flatMap(wordsOf);
    const existing = shared(x, [m.words, all], type);
    const about = all.some((w) => customerWords.has(w)) && isIdentifier(m.words);
    if (existing) x.keys.set(existing, [{ StandardIdentifiers: kind === "_profile" ? ["PROFILE", "SECONDARY"] : ["PROFILE"], FieldNames: [m.name] }]);
    else if (kind !== "_profile" && about && !x.keys.has(camel(all))) {
      const name = freeName(all, (n) => x.keys.has(n) || (x.domain.has(n) && x.domain.get(n) !== type));
      x.keys.set(name, [{ StandardIdentifiers: ["PROFILE"], FieldNames: [m.name] }]);
    }
  }
}

/** Keys by which people are searched for; a person's e-mail address finds a profile too, after all else has not. */
function searchKeys(x: Inference, kind: RecordKind): void {
  const room = (): number => limits.keyDefinitions - [...x.keys.values()].reduce((n, d) => n + d.length, 0);
  const fieldsOf = (type: ContentType): string[] => x.made.filter((m) => m.meaning.type === type && !m.leaf.rest && !Array.isArray(m.leaf.values[0])).map((m) => m.name);
  const add = (key: string, name: string, identifiers: readonly string[]): void => {
    if (room() <= 0) return;
    const definitions = x.keys.get(key) ?? [];
    if (definitions.some((d) => d.FieldNames?.includes(name))) return;
    x.keys.set(key, [...definitions, { ...(identifiers.length > 0 && { StandardIdentifiers: identifiers }), FieldNames: [name] }]);
  };
  const linked = [...x.keys.values()].flat().some((k) => k.StandardIdentifiers?.includes("PROFILE"));
  for (const name of fieldsOf("EMAIL_ADDRESS")) add("_email", name, kind === "_profile" || linked ? ["PROFILE", "SECONDARY"] : ["PROFILE"]);
  for (const name of fieldsOf("PHONE_NUMBER")) add("_phone", name, kind === "_profile" || linked || x.keys.has("_email") ? [] : ["PROFILE"]);
  if (kind !== "_profile" || room() <= 0) return;
  const at = (place: string): Made | undefined => x.made.find((m) => m.field.Target === `_profile.${place}`);
  const names = [at("FirstName"), at("MiddleName"), at("LastName")].filter((m) => m !== undefined);
  if (names.length === 1 && names[0]) return add("_fullName", names[0].name, []);
  if (names.length < 2) return;
  const parts = names.map((m) => `{{${sourceOf(m.leaf)}}}`).join(" ");
  if (/[[\]']/.test(parts)) return; // a template writes such names in another way
  add("_fullName", x.add(["full", "name"], { Source: `{{#removeExtraSpace}}${parts}{{/removeExtraSpace}}`, ContentType: "NAME" }), []);
}

/** The pattern by which the times of samples are written, if it is one that can be read without a guess. */
export function timeFormatOf(values: readonly unknown[]): string | undefined {
  const formats = new Set(values.map(formatOf));
  const [format] = formats;
  return formats.size === 1 ? format : undefined;
}

function formatOf(value: unknown): string | undefined {
  if (typeof value === "number") return value >= 1e11 && value < 1e14 ? "EpochMilli" : undefined;
  if (typeof value !== "string") return undefined;
  if (/^\d{13}$/.test(value)) return "EpochMilli";
  const found = /^\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(:\d\d(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(:?\d\d)?)?)?$/.exec(value);
  if (!found) return undefined;
  const [, between, seconds, fraction, zone, minutes] = found;
  if (!between) return "yyyy-MM-dd";
  const time = `HH:mm${seconds ? ":ss" : ""}${fraction ? "." + "S".repeat(fraction.length) : ""}`;
  const zoned = !zone ? "" : zone === "Z" || minutes?.startsWith(":") ? "XXX" : minutes ? "Z" : "X";
  return `yyyy-MM-dd${between === "T" ? "'T'" : " "}${time}${zoned}`;
}
