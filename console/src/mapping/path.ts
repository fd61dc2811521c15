import { Fault, quote } from "./fault";

/** The only name available to a source. */
export const sourceRoot = "_source";

/** Steps of a path; a record is not deeper. */
export const maxSteps = 64;

/** The steps of an accessor, and of what follows its array mark. */
export interface Accessor {
  path: string[];
  rest: string[];
  /** It has an array mark, and gives a list. */
  list: boolean;
}

/** Whether brackets may hold a name without quotes: it is an index. */
const isIndex = (name: string): boolean => /^\d{1,9}$/.test(name);

/** Reads an accessor: _source.Address.City, _source.items[0].sku, _source['first name'], _source.items[].title. */
export function parsePath(expression: string): Accessor {
  let tail = expression.startsWith(sourceRoot) ? expression.slice(sourceRoot.length) : undefined;
  if (tail === undefined || (tail !== "" && tail[0] !== "." && tail[0] !== "[")) throw new Fault((t) => t("onlySource", { open: "{{", close: "}}" }));
  const found: Accessor = { path: [], rest: [], list: false };
  while (tail !== "") {
    if (tail.startsWith("[]")) {
      if (found.list) throw new Fault((t) => t("oneList"));
      found.list = true;
      tail = tail.slice(2);
      continue;
    }
    let name: string;
    [name, tail] = step(tail);
    (found.list ? found.rest : found.path).push(name);
    if (found.path.length + found.rest.length > maxSteps) throw new Fault((t) => t("tooManySteps", { most: maxSteps }));
  }
  return found;
}

function step(text: string): [name: string, tail: string] {
  if (text.startsWith("[")) return bracketed(text);
  if (text.startsWith(".[")) return literal(text.slice(1));
  if (text.startsWith(".")) return plainName(text.slice(1));
  throw new Fault((t) => t("beforeMissing", { rest: quote(text) }));
}

/** A name up to the next dot or bracket. Blanks inside it are allowed, since column names have them. */
function plainName(text: string): [string, string] {
  const end = text.search(/[.[]/);
  const name = end < 0 ? text : text.slice(0, end);
  if (name === "") throw new Fault((t) => t("nameEmpty"));
  if (name.trim() !== name) throw new Fault((t) => t("nameBlank", { name: quote(name) }));
  if (/[\]{}\n\r\t\0]/.test(name)) throw new Fault((t) => t("nameQuoted", { name: quote(name) }));
  return [name, text.slice(name.length)];
}

/** [0], ['name'] or ["name"]. */
function bracketed(text: string): [string, string] {
  const mark = text[1];
  if (mark === "'" || mark === '"') {
    const end = text.indexOf(mark + "]", 2);
    if (end <= 2) throw new Fault((t) => t("bracketsName"));
    return [text.slice(2, end), text.slice(end + 2)];
  }
  const [name, tail] = literal(text);
  if (!isIndex(name)) throw new Fault((t) => t("bracketsHold", { name: quote(name) }));
  return [name, tail];
}

/** A segment literal of Handlebars, [name]. */
function literal(text: string): [string, string] {
  const end = text.indexOf("]");
  if (end <= 1) throw new Fault((t) => t("brackets"));
  return [text.slice(1, end), text.slice(end + 1)];
}

/** Writes an accessor for the steps of a path into a record; a number is the place in an array. */
export function writePath(steps: readonly (string | number)[]): string {
  let text = sourceRoot;
  for (const s of steps) {
    if (typeof s === "number") text += `[${s}]`;
    else if (isPlain(s)) text += `.${s}`;
    else if (!s.includes("']")) text += `['${s}']`;
    else text += `["${s}"]`;
  }
  return text;
}

const isPlain = (name: string): boolean => name !== "" && name.trim() === name && !/[.[\]{}\n\r\t\0]/.test(name);

/** Whether {@link writePath} can write a name: an accessor has no escapes, and no way to name an empty one. */
export const canWrite = (name: string): boolean => name !== "" && !(name.includes("']") && name.includes('"]'));
