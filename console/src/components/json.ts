/** Where a JSON text stops being one, counted from 1. */
export interface JsonFault {
  line: number;
  column: number;
}

/** The value of a JSON text, or where it stops being one. */
export function parseJson(text: string): { value: unknown } | { fault: JsonFault } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    // Browsers say where each in their own words, or not at all.
    const before = text.slice(0, stop(text)).split("\n");
    return { fault: { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 } };
  }
}

const space = /[ \t\n\r]*/y;
const scalar = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const name = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;

/** The index at which a text that is no JSON goes wrong: the token that does not belong there, or the end. */
function stop(text: string): number {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const next = (c: string): boolean => {
    skip(space);
    if (text[at] !== c) return false;
    at++;
    return true;
  };
  // What is open, innermost last; nesting is no recursion, so depth is no matter.
  const open: ("{" | "[")[] = [];
  for (;;) {
    skip(space);
    if (next("{")) {
      if (!next("}")) {
        skip(space);
        if (!skip(name) || !next(":")) return at;
        open.push("{");
        continue;
      }
    } else if (next("[")) {
      if (!next("]")) {
        open.push("[");
        continue;
      }
    } else if (!skip(scalar)) return at;

    // A value has ended: so may what it is in.
    for (;;) {
      const inside = open.at(-1);
      if (!inside) {
        skip(space);
        return at;
      }
      if (next(inside === "{" ? "}" : "]")) {
        open.pop();
        continue;
      }
      if (!next(",")) return at;
      if (inside === "{") {
        skip(space);
        if (!skip(name) || !next(":")) return at;
      }
      break;
    }
  }
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Lays a JSON text out with one member on a line. Names, texts and numbers stay as
 * they are written, whatever is in them: an id of twenty digits keeps them all. The
 * text must be valid.
 */
export function formatJson(text: string): string {
  const out: string[] = [];
  let indent = "\n";
  let before = "";
  for (const [t] of text.matchAll(token)) {
    const closes = t === "}" || t === "]";
    if (closes) indent = indent.slice(0, -2);
    const empty = closes && (before === "{" || before === "[");
    if (!empty && (closes || before === "{" || before === "[" || before === ",")) out.push(indent);
    out.push(t === ":" ? ": " : t);
    if (t === "{" || t === "[") indent += "  ";
    before = t;
  }
  return out.join("");
}

/** A JSON text on one line, with everything as it is written. The text must be valid. */
export const compactJson = (text: string): string => [...text.matchAll(token)].map(([t]) => t).join("");

/** The first name that an object has twice, and its line: most readers take the last, and some refuse such a text. The text must be valid. */
export function repeatedName(text: string): { name: string; line: number } | undefined {
  const open: (Set<string> | undefined)[] = []; // the names of an object; undefined for an array
  let before = "";
  for (const match of text.matchAll(token)) {
    const [t] = match;
    const names = open.at(-1);
    if (t === "{") open.push(new Set());
    else if (t === "[") open.push(undefined);
    else if (t === "}" || t === "]") open.pop();
    else if (names && t.startsWith('"') && (before === "{" || before === ",")) {
      const name = JSON.parse(t) as string;
      if (names.has(name)) return { name, line: text.slice(0, match.index).split("\n").length };
      names.add(name);
    }
    before = t;
  }
  return undefined;
}
