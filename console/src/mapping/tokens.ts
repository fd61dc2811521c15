/**
 * The tokens of a template, as the server's lexer (raymond's, which follows
 * handlebars.l) makes them, with the same classes of characters and the same order
 * of trial: what it takes or refuses must be taken or refused here.
 */

export type Kind =
  | "content"
  | "comment"
  | "open"
  | "openUnescaped"
  | "openBlock"
  | "openEndBlock"
  | "openPartial"
  | "openRaw"
  | "inverse"
  | "openInverse"
  | "openInverseChain"
  | "close"
  | "closeUnescaped"
  | "closeRaw"
  | "openBlockParams"
  | "closeBlockParams"
  | "id"
  | "sep"
  | "data"
  | "string"
  | "number"
  | "boolean"
  | "openSexpr"
  | "closeSexpr"
  | "equals"
  | "end"
  | "error";

/** What the lexer cannot read. */
export type Trouble = "unclosedExpression" | "unclosedComment" | "unterminatedString" | "unterminatedLiteral" | "badNumber" | "unexpectedCharacter";

export interface Token {
  kind: Kind;
  /** As it is written; of an error, what it is about. */
  text: string;
  trouble?: Trouble;
}

const openers: readonly (readonly [RegExp, Kind])[] = [
  [/\{\{\{\{\//y, "openRaw"],
  [/\{\{\{\{/y, "openRaw"],
  [/\{\{~?\{/y, "openUnescaped"],
  [/\{\{~?#/y, "openBlock"],
  [/\{\{~?\//y, "openEndBlock"],
  [/\{\{~?>/y, "openPartial"],
  [/\{\{~?\^[\t\n\f\r ]*~?\}\}|\{\{~?[\t\n\f\r ]*else[\t\n\f\r ]*~?\}\}/y, "inverse"],
  [/\{\{~?\^/y, "openInverse"],
  [/\{\{~?[\t\n\f\r ]*else/y, "openInverseChain"],
  [/\{\{~?&?/y, "open"],
];

const comment = /\{\{~?!--[\t\n\f\r ]*/y;
const shortComment = /\{\{~?![\t\n\f\r ]*/y;
const commentEnd = /[\t\n\f\r ]*--~?\}\}/g;
const shortCommentEnd = /[\t\n\f\r ]*~?\}\}/g;
const closers: readonly (readonly [RegExp, Kind])[] = [
  [/\}\}\}\}/y, "closeRaw"],
  [/\}~?\}\}/y, "closeUnescaped"],
  [/~?\}\}/y, "close"],
];
const blockParams = /as[\t\n\f\r ]+\|/y;
const dot = /\.(?=[\t\n\f\r =~}/)|])/y;
const boolean = /(?:true|false)(?=[\t\n\f\r ~})])/y;
const identifier = /[^ \n\t!"#%&'()*+,./;<=>@[\\\]^`{|}~]+/y;
const alphanumeric = /[\p{L}\p{Nd}_]/u;

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

/** The tokens of a template one after the other; the last is "end" or "error". */
export function* tokens(text: string): Generator<Token, void> {
  let at = 0;
  for (;;) {
    const start = at;
    at = contentEnd(text, at);
    if (at > start) yield { kind: "content", text: text.slice(start, at) };
    if (at >= text.length) {
      yield { kind: "end", text: "" };
      return;
    }
    if (text[at] === "\\") {
      at = escaped(text, at);
      continue;
    }
    const long = match(comment, text, at);
    const short = long || match(shortComment, text, at);
    if (short) {
      const end = long ? commentEnd : shortCommentEnd;
      end.lastIndex = at; // {{!--}} is closed by what opens it
      const closed = end.exec(text);
      if (!closed) {
        yield { kind: "error", text: "", trouble: "unclosedComment" };
        return;
      }
      at = end.lastIndex;
      yield { kind: "comment", text: "" };
      continue;
    }
    const [pattern, kind] = openers.find(([p]) => match(p, text, at) !== "") ?? [/\{\{/y, "open" as const];
    const opener = match(pattern, text, at);
    at += opener.length;
    yield { kind, text: opener };
    if (kind === "inverse") continue;
    for (;;) {
      const [token, next] = inExpression(text, at);
      at = next;
      yield token;
      if (token.kind === "error") return;
      if (token.kind === "close" || token.kind === "closeUnescaped" || token.kind === "closeRaw") break;
    }
  }
}

/** Where content ends: at braces, escaped or not. */
function contentEnd(text: string, from: number): number {
  const open = text.indexOf("{{", from);
  if (open < 0) return text.length;
  let back = open;
  while (back > from && open - back < 2 && text[back - 1] === "\\") back--;
  return back;
}

/** Skips an escape: \{{ is text, \\{{ is a backslash before an expression. */
function escaped(text: string, at: number): number {
  if (text.startsWith("\\\\{{", at)) return at + 2;
  at++;
  while (text[at] === "{") at++;
  return at;
}

function inExpression(text: string, at: number): [Token, next: number] {
  while (text[at] === " " || text[at] === "\t" || text[at] === "\n") at++;
  const take = (kind: Kind, s: string): [Token, number] => [{ kind, text: s }, at + s.length];
  const fail = (trouble: Trouble, s = ""): [Token, number] => [{ kind: "error", text: s, trouble }, at];
  for (const [pattern, kind] of closers) {
    const s = match(pattern, text, at);
    if (s) return take(kind, s);
  }
  let s = match(blockParams, text, at);
  if (s) return take("openBlockParams", s);
  if (text.startsWith("..", at)) return take("id", "..");
  if (match(dot, text, at)) return take("id", ".");
  s = match(boolean, text, at);
  if (s) return take("boolean", s);

  const c = text[at];
  switch (c) {
    case undefined:
      return fail("unclosedExpression");
    case "(":
      return take("openSexpr", c);
    case ")":
      return take("closeSexpr", c);
    case "=":
      return take("equals", c);
    case "@":
      return take("data", c);
    case "/":
    case ".":
      return take("sep", c);
    case "|":
      return take("closeBlockParams", c);
    case '"':
    case "'":
      return string(text, at, c);
    case "[": {
      const end = text.slice(at).search(/[\]\n]/);
      return end < 0 || text[at + end] === "\n" ? fail("unterminatedLiteral") : take("id", text.slice(at, at + end + 1));
    }
    default:
      if (/[+\-0-9]/.test(c)) return number(text, at);
  }
  s = match(identifier, text, at);
  return s ? take("id", s) : fail("unexpectedCharacter", String.fromCodePoint(text.codePointAt(at) ?? 0));
}

function string(text: string, at: number, quote: string): [Token, number] {
  for (let i = at + 1; i < text.length && text[i] !== "\n"; i++) {
    if (text[i] === quote && (i === at + 1 || text[i - 1] !== "\\")) {
      return [{ kind: "string", text: text.slice(at + 1, i).replaceAll("\\" + quote, quote) }, i + 1];
    }
  }
  return [{ kind: "error", text: "", trouble: "unterminatedString" }, at];
}

const numberText = /[+-]?(?:0[xX][0-9a-fA-F]*(?:\.[0-9a-fA-F]*)?|[0-9]*(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]*)?i?/y;

function number(text: string, at: number): [Token, number] {
  let end = at;
  const scan = (): boolean => {
    end += match(numberText, text, end).length;
    const next = text.codePointAt(end);
    if (next === undefined || !alphanumeric.test(String.fromCodePoint(next))) return true;
    end += String.fromCodePoint(next).length;
    return false;
  };
  const bad = (): [Token, number] => [{ kind: "error", text: text.slice(at, end), trouble: "badNumber" }, end];
  if (!scan()) return bad();
  if (text[end] === "+" || text[end] === "-") {
    if (!scan() || text[end - 1] !== "i") return bad(); // a complex number
  }
  return [{ kind: "number", text: text.slice(at, end) }, end];
}
