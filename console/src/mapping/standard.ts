import schema from "../../../internal/standard/schema.txt?raw";
import { Fault } from "./fault";
import { maxAttributeLength } from "./target";

/**
 * The standard objects and predefined keys, read from the file that the server
 * reads them from (internal/standard/schema.txt, which explains its notation).
 */

/** A content type, by the names of the API. */
export type ContentType = "STRING" | "NUMBER" | "PHONE_NUMBER" | "EMAIL_ADDRESS" | "NAME";

export const contentTypes: readonly ContentType[] = ["STRING", "NUMBER", "PHONE_NUMBER", "EMAIL_ADDRESS", "NAME"];

/** A field of a standard object. */
export interface StandardField {
  /** Below the object, as targets write it; a map is marked {}: Address.City, OrderItems[].Title, Attributes{}. */
  path: string;
  /** One value for each element of a list. */
  list: boolean;
  number: boolean;
  /** In characters; 0: no bound of its own. */
  maxLength: number;
  /** Set by the service, never a target. */
  reserved: boolean;
  /** Steers ingestion, and is no member of the object. */
  control: boolean;
  /** The only values, if it has only some. */
  values: readonly string[];
}

/** A record with fixed fields that the targets of object types fill. */
export interface StandardObject {
  /** With its underscore. */
  name: string;
  /** The identifier of keys that find it; empty for an object of the domain. */
  identifier: string;
  /** It belongs to no profile, and no mapping fills it. */
  domain: boolean;
  fields: readonly StandardField[];
  root: Place;
}

type PlaceKind = "leaf" | "structure" | "list" | "textMap" | "structureMap";

/** A place in the tree of an object's fields. */
interface Place {
  name: string;
  kind: PlaceKind;
  field?: StandardField;
  children: Map<string, Place>;
}

/** A key that every domain has. */
export interface PredefinedKey {
  name: string;
  type: ContentType;
  /** The standard object whose fields fill it; empty for the keys of templates. */
  object: string;
}

const place = (name: string, kind: PlaceKind): Place => ({ name, kind, children: new Map() });

const declaration = /^(\w+)(\[\]|\{\})?(#)?(?:=(\d+))?(!)?(\?)?(?:\(([A-Z_|]+)(?:~\w+)?\))?$/;

interface Building extends StandardObject {
  fields: StandardField[];
}

function read(text: string): { objects: StandardObject[]; keys: PredefinedKey[] } {
  const objects: Building[] = [];
  const keys: PredefinedKey[] = [];
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    const [kind, name = "", first = "", second = ""] = words;
    if (!kind || kind.startsWith("#")) continue;
    if (kind === "object") {
      const object: Building = { name, identifier: first === "-" ? "" : first, domain: words[4] === "domain", fields: [], root: place("", "structure") };
      declare(object, object.root, "", second + "!");
      objects.push(object);
    } else if (kind === "key") {
      keys.push({ name, type: first as ContentType, object: second === "-" ? "" : second });
    } else {
      const object = objects.at(-1);
      if (object) readFields(object, line);
    }
  }
  return { objects, keys };
}

function readFields(object: Building, line: string): void {
  const colon = line.indexOf(":");
  const parents = colon < 0 ? [""] : line.slice(0, colon).split(",");
  for (const parent of parents.map((p) => p.trim())) {
    let at = object.root;
    for (const part of parent === "" ? [] : parent.split(".")) {
      const name = part.replace(/[[\]{}]+$/, "");
      const kind = part.endsWith("[]") ? "list" : part.endsWith("{}") ? "structureMap" : "structure";
      at = child(at, name, kind);
    }
    for (const field of line.slice(colon + 1).trim().split(/\s+/)) declare(object, at, parent && parent + ".", field);
  }
}

function child(at: Place, name: string, kind: PlaceKind): Place {
  let found = at.children.get(name);
  if (!found) at.children.set(name, (found = place(name, kind)));
  return found;
}

function declare(object: Building, parent: Place, path: string, declared: string): void {
  const [, name = "", shape = "", number, length, reserved, control, values] = declaration.exec(declared) ?? [];
  const field: StandardField = {
    path: path + name + shape,
    list: (path + shape).includes("[]"),
    number: number !== undefined,
    maxLength: Number(length ?? 0),
    reserved: reserved !== undefined,
    control: control !== undefined,
    values: values?.split("|") ?? [],
  };
  object.fields.push(field);
  child(parent, name, shape === "[]" ? "list" : shape === "{}" ? "textMap" : "leaf").field = field;
}

const tables = read(schema);

/** The standard objects that object types fill, in their documented order, _profile first. */
export const standardObjects: readonly StandardObject[] = tables.objects.filter((o) => !o.domain);

/** The predefined keys, those of one object, and those of templates, from the most to the least specific. */
export const predefinedKeys: readonly PredefinedKey[] = tables.keys;

const byName = new Map(standardObjects.map((o) => [o.name, o]));
const keyByName = new Map(predefinedKeys.map((k) => [k.name, k]));

/** A standard object that object types fill, by its name. */
export const standardObject = (name: string): StandardObject | undefined => byName.get(name);

/** A predefined key by its name. */
export const predefinedKey = (name: string): PredefinedKey | undefined => keyByName.get(name);

/** The field of a path as targets write it. The fault says which part is not there. */
export function fieldAt(object: StandardObject, path: string): StandardField {
  let at = object.root;
  let rest = path;
  for (;;) {
    if (at.kind === "textMap") {
      const length = [...rest].length;
      const map = at.name;
      if (length === 0 || length > maxAttributeLength || !at.field) throw new Fault((t) => t("mapName", { object: object.name, map, most: maxAttributeLength }));
      return at.field;
    }
    const [written, tail] = cut(rest);
    const isList = written.endsWith("[]");
    const next = at.children.get(isList ? written.slice(0, -2) : written);
    if (!next || isList !== (next.kind === "list")) throw noField(object, path, next);
    if (next.kind === "leaf" || (next.kind === "list" && next.children.size === 0)) {
      if (tail !== undefined || !next.field) throw noField(object, path, next);
      return next.field;
    }
    let more = tail;
    if (next.kind === "structureMap") {
      const [name, below] = cut(tail ?? "");
      if (name === "") throw noField(object, path, next);
      more = below;
    }
    if (more === undefined) throw noField(object, path, next);
    at = next;
    rest = more;
  }
}

function cut(path: string): [string, string | undefined] {
  const end = path.indexOf(".");
  return end < 0 ? [path, undefined] : [path.slice(0, end), path.slice(end + 1)];
}

const hints = {
  leaf: "noFieldParts",
  structure: "noFieldStructure",
  list: "noFieldList",
  textMap: "noFieldMap",
  structureMap: "noFieldStructures",
} as const;

function noField(object: StandardObject, path: string, near: Place | undefined): Fault {
  if (!near) return new Fault((t) => t("noField", { object: object.name, path }));
  return new Fault((t) => t(hints[near.kind], { object: object.name, path, near: near.name }));
}
