import type { Text } from "../i18n/text";
import type catalogue from "./messages";

/** The texts of the rules in a language. */
export type RuleText = Text<typeof catalogue>;

/** A sentence, in the language of the texts that it is given. */
export type Say = (t: RuleText) => string;

/** Braces, which texts cannot hold since they mark their parameters. */
export const braces = { open: "{{", close: "}}" } as const;

/** Why an expression is refused. Parsers throw it and their callers catch it. */
export class Fault extends Error {
  readonly say: Say;

  constructor(say: Say) {
    super("refused");
    this.say = say;
  }
}

/** Runs a parser: its result, or why it refuses. */
export function attempt<T>(parse: () => T): T | Fault {
  try {
    return parse();
  } catch (e) {
    if (e instanceof Fault) return e;
    throw e;
  }
}

/** A text in quotes, with what cannot be seen in it written out. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/(?! )[\p{Z}\p{C}]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A text in quotes, shortened to what a message takes. */
export function quoted(text: string, most = 80): string {
  const characters = [...text];
  return quote(characters.length > most ? characters.slice(0, most).join("") + "…" : text);
}
