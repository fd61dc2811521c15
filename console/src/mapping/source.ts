import { Fault, attempt } from "./fault";
import { type Accessor, parsePath } from "./path";
import { checkTemplate } from "./template";

/** Characters of an expression, in the mapping language; the API takes fewer. */
export const maxSourceLength = 4096;

/** A source that can be used. */
export interface Source {
  /** An array accessor, which gives a list. */
  list: boolean;
  /** The path, if it is an accessor and no template. */
  accessor?: Accessor;
}

/** Reads a source: an accessor (_source.Address.City), or a template when it has {{ in it. */
export function parseSource(text: string): Source {
  if ([...text].length > maxSourceLength) throw new Fault((t) => t("tooLong", { most: maxSourceLength }));
  if (text.trim() === "") throw new Fault((t) => t("empty"));
  if (text.includes("{{")) {
    checkTemplate(text);
    return { list: false };
  }
  const accessor = parsePath(text.trim());
  return { list: accessor.list, accessor };
}

/** A source, or why it is refused. */
export const compileSource = (text: string): Source | Fault => attempt(() => parseSource(text));
