import { Fault, type Say, braces, quote } from "./fault";
import { maxSteps, sourceRoot } from "./path";
import { type Kind, type Token, tokens } from "./tokens";

/** Blocks inside blocks; an {{else if}} counts as one. */
export const maxNesting = 16;

/** The block helpers: with a path or not, and whether {{else}} may follow. */
const blocks: Readonly<Record<string, { path: boolean; otherwise: boolean; enters: boolean; loops: boolean }>> = {
  if: { path: true, otherwise: true, enters: false, loops: false },
  unless: { path: true, otherwise: true, enters: false, loops: false },
  each: { path: true, otherwise: true, enters: true, loops: true },
  with: { path: true, otherwise: true, enters: true, loops: false },
  removeExtraSpace: { path: false, otherwise: false, enters: false, loops: false },
};

/** The names of the block helpers. */
export const blockNames: readonly string[] = Object.keys(blocks);

const variables = new Set(["index", "key", "first", "last"]);

/** What surrounds an expression: how deep its context is, and whether a loop is around it. */
interface Scope {
  level: number;
  loop: boolean;
}

interface OpenBlock {
  name: string;
  otherwise: boolean;
  chained: number;
  outer: Scope;
}

/** A path as it is written, taken apart. */
interface Reference {
  original: string;
  parts: string[];
  depth: number;
  scoped: boolean;
}

/**
 * Refuses a template that is outside of the supported subset, with the first reason
 * that the server has: all of the syntax comes before what paths refer to.
 */
export function checkTemplate(text: string): void {
  new Checker(text).run();
}

class Checker {
  readonly #tokens: Generator<Token, void>;
  #ahead: Token;
  #ended = false;
  readonly #open: OpenBlock[] = [];
  #depth = 0;
  #scope: Scope = { level: 0, loop: false };
  #reference: Say | undefined; // the first path that refers to nothing

  constructor(text: string) {
    this.#tokens = tokens(text);
    this.#ahead = this.#pull();
  }

  run(): void {
    for (;;) {
      const token = this.#next();
      if (token.kind === "end") {
        const open = this.#open.at(-1);
        if (open) throw new Fault((t) => t("notClosed", { name: open.name, ...braces }));
        if (this.#reference) throw new Fault(this.#reference);
        return;
      }
      this.#statement(token);
    }
  }

  #pull(): Token {
    const { value } = this.#tokens.next();
    return value ?? { kind: "end", text: "" };
  }

  /** The next token; the last one is given again and again. */
  #next(): Token {
    const token = this.#ahead;
    if (token.kind === "end" || token.kind === "error") this.#ended = true;
    if (!this.#ended) this.#ahead = this.#pull();
    return token;
  }

  #statement(token: Token): void {
    switch (token.kind) {
      case "content":
      case "comment":
        return;
      case "error":
        throw lexical(token);
      case "open":
        return this.#expression("close");
      case "openUnescaped":
        return this.#expression("closeUnescaped");
      case "openBlock":
        return this.#openBlock(false);
      case "openInverseChain":
        this.#otherwise();
        return this.#openBlock(true);
      case "inverse":
        this.#otherwise().otherwise = true;
        return;
      case "openEndBlock":
        return this.#closeBlock();
      case "openPartial":
        throw new Fault((t) => t("partials", braces));
      case "openRaw":
        throw new Fault((t) => t("rawBlocks", braces));
      case "openInverse":
        throw new Fault((t) => t("inverted", braces));
      default:
        throw new Fault((t) => t("unexpected", { text: quote(token.text) }));
    }
  }

  /** Checks that {{else}} may stand here, and goes on in what is around its block. */
  #otherwise(): OpenBlock {
    const block = this.#open.at(-1);
    if (!block) throw new Fault((t) => t("elseOutside", braces));
    const { name } = block;
    if (!blocks[name]?.otherwise) throw new Fault((t) => t("noElse", { name, ...braces }));
    if (block.otherwise) throw new Fault((t) => t("secondElse", { name, ...braces }));
    this.#scope = block.outer;
    return block;
  }

  #openBlock(chained: boolean): void {
    const helper = this.#next();
    if (helper.kind === "error") throw lexical(helper);
    if (helper.kind !== "id") throw new Fault((t) => t("blockName", { text: quote(helper.text) }));
    const name = helper.text;
    const block = Object.hasOwn(blocks, name) ? blocks[name] : undefined;
    if (!block || (chained && !block.otherwise)) throw new Fault((t) => t("blockUnknown", { name: quote(name) }));
    if (block.path) {
      if (this.#ahead.kind === "close") throw new Fault((t) => t("blockPath", { name, ...braces }));
      if (this.#ahead.kind === "data" && block.enters) throw new Fault((t) => t("blockVariable", { name, ...braces }));
      this.#path();
    }
    this.#close("close");
    if (++this.#depth > maxNesting) throw new Fault((t) => t("tooDeep", { most: maxNesting }));
    const outer = this.#scope;
    this.#scope = { level: outer.level + (block.enters ? 1 : 0), loop: outer.loop || block.loops };
    const around = this.#open.at(-1);
    if (chained && around) around.chained++;
    else this.#open.push({ name, otherwise: false, chained: 0, outer });
  }

  #closeBlock(): void {
    const name = this.#next();
    if (name.kind === "error") throw lexical(name);
    const block = this.#open.pop();
    if (!block) throw new Fault((t) => t("closesNothing", { name: name.text, ...braces }));
    if (name.kind !== "id" || name.text !== block.name) throw new Fault((t) => t("closedBy", { name: block.name, other: name.text, ...braces }));
    this.#depth -= 1 + block.chained;
    this.#scope = block.outer;
    this.#close("close");
  }

  #expression(end: Kind): void {
    if (this.#ahead.kind === end) throw new Fault((t) => t("emptyExpression", braces));
    this.#path();
    this.#close(end);
  }

  /** Checks (../)* (this | .)? name ((. or /) name)*, or @name. */
  #path(): void {
    const first = this.#next();
    const text = quote(first.text);
    switch (first.kind) {
      case "data":
        return this.#variable();
      case "string":
      case "number":
      case "boolean":
        throw new Fault((t) => t("literal", { text, ...braces }));
      case "openSexpr":
        throw new Fault((t) => t("subexpressions"));
      case "error":
        throw lexical(first);
      case "id":
        break;
      default:
        throw new Fault((t) => t("pathExpected", { text }));
    }
    const path: Reference = { original: "", parts: [], depth: 0, scoped: false };
    add(path, first.text);
    let climbing = first.text === "..";
    while (this.#ahead.kind === "sep") {
      path.original += this.#next().text;
      const part = this.#next();
      if (part.kind === "data") throw new Fault((t) => t("variableOuter"));
      if (part.kind === "error") throw lexical(part);
      if (part.kind !== "id") throw new Fault((t) => t("nameExpected", { text: quote(part.text) }));
      if (part.text === ".." && !climbing) throw new Fault((t) => t("climbing"));
      if ((part.text === "this" || part.text === ".") && !climbing) throw new Fault((t) => t("onlyAtBeginning", { text: quote(part.text) }));
      if (part.text !== "..") climbing = false;
      add(path, part.text);
    }
    this.#refer(path);
  }

  #variable(): void {
    const name = this.#next();
    if (name.kind === "error") throw lexical(name);
    if (name.kind !== "id" || this.#ahead.kind === "sep") throw new Fault((t) => t("variableUnknown", { name: name.text }));
    if (!variables.has(name.text)) this.#reference ??= (t) => t("variableUnknown", { name: name.text });
    else if (!this.#scope.loop) this.#reference ??= (t) => t("variableOutside", { name: name.text, ...braces });
  }

  /** Notes a path that refers to nothing. _source is the record wherever it stands alone at the head of one. */
  #refer({ original, parts, depth, scoped }: Reference): void {
    const level = this.#scope.level - depth;
    const fromRoot = parts[0] === sourceRoot;
    let rest = parts;
    if (!scoped && fromRoot) rest = parts.slice(1);
    else if (level <= 0) {
      if (level < 0 || !fromRoot) {
        this.#reference ??= (t) => t("onlySourceHere", { name: quote(original) });
        return;
      }
      rest = parts.slice(1);
    }
    if (rest.some((p) => p === "[]" || p === "")) this.#reference ??= (t) => t("arrayWhole", { text: quote(original) });
    else if (rest.length > maxSteps) this.#reference ??= (t) => t("tooManyStepsInPath", { most: maxSteps });
  }

  /** Checks the end of an expression, naming what is there instead. */
  #close(end: Kind): void {
    const token = this.#next();
    if (token.kind === end) return;
    const text = quote(token.text);
    switch (token.kind) {
      case "openBlockParams":
        throw new Fault((t) => t("blockParameters"));
      case "id":
        if (token.text.startsWith("[")) throw new Fault((t) => t("bracketDot", { text: token.text, ...braces }));
        if (this.#ahead.kind === "equals") throw new Fault((t) => t("namedArguments", { name: token.text }));
        throw new Fault((t) => t("argument", { text }));
      case "string":
      case "number":
      case "boolean":
      case "data":
      case "openSexpr":
        throw new Fault((t) => t("argument", { text }));
      case "error":
        throw lexical(token);
      default:
        throw new Fault((t) => t("unexpectedInside", { text, ...braces }));
    }
  }
}

function add(path: Reference, part: string): void {
  path.original += part;
  if (part === "..") path.depth++;
  if (part === ".." || part === "." || part === "this") path.scoped = true;
  else path.parts.push(part);
}

/** What the lexer could not read, in words. */
function lexical({ trouble, text }: Token): Fault {
  const lower = text.toLowerCase();
  const reason: Say = (t) => {
    switch (trouble) {
      case "badNumber":
        return t("badNumber", { text: quote(lower) });
      case "unexpectedCharacter":
        return t("unexpectedCharacter", { text: lower });
      default:
        return t(trouble ?? "unclosedExpression");
    }
  };
  if (trouble === "unexpectedCharacter" && text === "*") return new Fault((t) => t("decorators", braces));
  if (trouble === "unexpectedCharacter" && text === ">") return new Fault((t) => t("partials", braces));
  return new Fault((t) => t("notTemplate", { reason: reason(t) }));
}
