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
