import { Fault, attempt, braces, quoted } from "./fault";
import { sourceRoot } from "./path";
import { compileSource } from "./source";

/** Characters of a target, as the API limits them. */
export const maxTargetLength = 1000;

/** Characters of a custom attribute's name. */
export const maxAttributeLength = 255;

/** A step of a target's path. */
export interface Segment {
  /** Empty when it is templated. */
  name: string;
  list: boolean;
  /** The name comes from the record: {{campaign_event_type}}. */
  templated: boolean;
}

/** Where a field writes: a field of a standard object. */
export interface Target {
  object: string;
  path: Segment[];
}

/** Reads a target. Whether the object has such a field is not known here. */
export function parseTarget(text: string): Target {
  if ([...text].length > maxTargetLength) throw new Fault((t) => t("tooLongUtf8", { most: maxTargetLength }));
  const object = /^_[A-Za-z0-9]+(?=\.)/.exec(text)?.[0];
  if (!object) throw new Fault((t) => t("targetForm"));
  const path: Segment[] = [];
  let tail: string | undefined = text.slice(object.length + 1);
  while (tail !== undefined) {
    const attribute: boolean = path.at(-1)?.name === "Attributes";
    let segment: Segment;
    if (tail.startsWith("{{")) [segment, tail] = templated(tail);
    else if (attribute) [segment, tail] = [attributeSegment(tail), undefined];
    else [segment, tail] = plain(tail);
    if (attribute && tail !== undefined) throw new Fault((t) => t("attributeParts"));
    if (segment.list && path.some((s) => s.list)) throw new Fault((t) => t("oneList"));
    path.push(segment);
  }
  if (path.at(-1)?.name === "Attributes") throw new Fault((t) => t("attributeMissing"));
  return { object, path };
}

/** A target, or why it is refused. */
export const compileTarget = (text: string): Target | Fault => attempt(() => parseTarget(text));

function plain(text: string): [Segment, string | undefined] {
  const end = text.indexOf(".");
  const written = end < 0 ? text : text.slice(0, end);
  const list = written.endsWith("[]");
  const name = list ? written.slice(0, -2) : written;
  if (name === "") throw new Fault((t) => t("segmentEmpty"));
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name)) throw new Fault((t) => t("segmentCharacters", { most: maxAttributeLength, text: quoted(name) }));
  if (list && name === "Attributes") throw new Fault((t) => t("attributesMap"));
  return [{ name, list, templated: false }, end < 0 ? undefined : text.slice(end + 1)];
}

function templated(text: string): [Segment, string | undefined] {
  const end = text.indexOf("}}", 2);
  if (end < 0) throw new Fault((t) => t("braces", braces));
  const tail = text.slice(end + 2);
  if (tail !== "" && tail[0] !== ".") throw new Fault((t) => t("wholeSegment", braces));
  let inner = text.slice(2, end).trim();
  if (inner !== sourceRoot && !inner.startsWith(sourceRoot + ".")) inner = `${sourceRoot}.${inner}`;
  const source = compileSource(inner);
  if (source instanceof Fault) throw new Fault((t) => t("sourceInside", { text: quoted(inner), reason: source.say(t) }));
  if (source.list) throw new Fault((t) => t("segmentList"));
  return [{ name: "", list: false, templated: true }, tail === "" ? undefined : tail.slice(1)];
}

function attributeSegment(name: string): Segment {
  const length = [...name].length;
  if (length === 0 || length > maxAttributeLength) throw new Fault((t) => t("attributeLength", { most: maxAttributeLength }));
  if (name.trim() !== name) throw new Fault((t) => t("attributeBlank"));
  if (/[.[\]{}]/.test(name)) throw new Fault((t) => t("attributeDots"));
  if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*$/u.test(name)) throw new Fault((t) => t("attributePrintable"));
  return { name, list: false, templated: false };
}
