import { canWrite, writePath } from "./path";

/** A place in sample records at which there are values. */
export interface Leaf {
  /** The way to it; a number is a place in an array. */
  path: readonly (string | number)[];
  /** Of a value in the elements of an array: what follows the array. The leaf is a list then. */
  rest?: readonly string[];
  /** The values that are there, one for each record that has it; of a list those of the first element. */
  values: readonly unknown[];
}

/** Leaves that are looked for; an object type has at most 250 fields. */
const most = 500;

const maxDepth = 16;

/** The places in records at which there are values, in the order in which they come. */
export function leavesOf(records: readonly unknown[]): Leaf[] {
  const leaves = new Map<string, Leaf & { values: unknown[] }>();
  const add = (path: readonly (string | number)[], rest: readonly string[] | undefined, value: unknown): void => {
    const key = JSON.stringify([path, rest]);
    const known = leaves.get(key);
    if (known) known.values.push(value);
    else if (leaves.size < most) leaves.set(key, { path, ...(rest && { rest }), values: [value] });
  };
  const walk = (value: unknown, path: readonly (string | number)[], rest: readonly string[] | undefined): void => {
    if (path.length + (rest?.length ?? 0) > maxDepth) return;
    if (Array.isArray(value)) {
      // A list within a list has no accessor.
      if (rest) return;
      const [first] = value as unknown[];
      if (typeof first === "object" && first !== null && !Array.isArray(first)) walk(first, path, []);
      else if (first !== undefined) add(path, undefined, value);
    } else if (typeof value === "object" && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        if (!canWrite(name)) continue;
        if (rest) walk(inner, path, [...rest, name]);
        else walk(inner, [...path, name], undefined);
      }
    } else if (value !== null && value !== "" && path.length > 0) add(path, rest, value);
  };
  for (const record of records) walk(record, [], undefined);
  return [...leaves.values()];
}

/** The Source that reads a leaf. A list of plain values is read as one text, joined by commas. */
export function sourceOf({ path, rest, values }: Leaf): string {
  const start = writePath(path);
  if (rest) return `${start}[]${writePath(rest).slice("_source".length)}`;
  return Array.isArray(values[0]) ? `${start}[]` : start;
}

/** Records in a text that somebody pasted: one, an array of them, or one on each line; undefined if there are none. */
export function recordsIn(text: string): Record<string, unknown>[] | undefined {
  const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);
  const all = parsed(text) ?? text.split("\n").flatMap((line) => (line.trim() === "" ? [] : (parsed(line) ?? [undefined])));
  return all.length > 0 && all.every(isRecord) ? all : undefined;
}

function parsed(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as unknown[]) : [value];
  } catch {
    return undefined;
  }
}
