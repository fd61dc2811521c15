import { type ContentType, contentTypes, standardObjects } from "./standard";

/** Bounds of a definition, those of the API. */
export const limits = {
  fields: 250,
  keyDefinitions: 10,
  name: 64,
  typeName: 255,
  description: 1000,
  /** Of a source or target. */
  text: 1000,
  expirationDays: 1098,
  sourcePriority: 65535,
  types: 100,
} as const;

/** Takes one value from a record and says where it goes. */
export interface Field {
  Source?: string;
  Target?: string;
  ContentType?: string;
}

/** One way to fill a key: from the named fields together. */
export interface KeyDefinition {
  StandardIdentifiers?: readonly string[];
  FieldNames?: readonly string[];
}

/** An object type without its name, by the members of PutProfileObjectType. */
export interface Definition {
  Description?: string;
  TemplateId?: string;
  AllowProfileCreation?: boolean;
  SourceLastUpdatedTimestampFormat?: string;
  SourcePriority?: number;
  ExpirationDays?: number;
  MaxProfileObjectCount?: number;
  EncryptionKey?: string;
  Fields?: Readonly<Record<string, Field>>;
  Keys?: Readonly<Record<string, readonly KeyDefinition[]>>;
}

/** The standard identifiers that say what a key is besides which object it finds. */
export const modifiers = ["UNIQUE", "SECONDARY", "LOOKUP_ONLY", "NEW_ONLY"] as const;

/** All standard identifiers, those of objects first. */
export const identifiers: readonly string[] = [...standardObjects.map((o) => o.identifier), ...modifiers];

/** A content type as it is given; none is STRING. */
export function contentTypeOf(given: string | undefined): ContentType | undefined {
  if (given === undefined || given === "") return "STRING";
  return contentTypes.find((t) => t === given);
}

/**
 * The content types that a key is made of, in alphabetical order, as the keys of a
 * domain are compared: object types that share a key must agree on them.
 */
export function signature(definitions: readonly KeyDefinition[], fields: Readonly<Record<string, Field>>): string {
  const types = new Set<string>();
  for (const { FieldNames = [] } of definitions) {
    for (const name of FieldNames) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      const type = field && contentTypeOf(field.ContentType);
      if (type) types.add(type);
    }
  }
  return [...types].sort().join(",");
}

/** The keys of other object types of the domain, each with its {@link signature}. */
export type DomainKeys = ReadonlyMap<string, string>;

/** The keys that object types define; where they do not agree, the first one counts. */
export function domainKeys(others: readonly Definition[]): DomainKeys {
  const keys = new Map<string, string>();
  for (const { Keys = {}, Fields = {} } of others) {
    for (const [name, definitions] of Object.entries(Keys)) if (!keys.has(name)) keys.set(name, signature(definitions, Fields));
  }
  return keys;
}
