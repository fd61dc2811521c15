import { plain, wordsOf } from "./names";
import { type Leaf, sourceOf } from "./sample";
import { type StandardObject, standardObjects } from "./standard";
import { blockNames } from "./template";

/** Something that may be meant by what is being typed. */
export interface Suggestion {
  /** The whole text with it. */
  value: string;
  /** What it stands for now: a value of the sample. */
  detail?: string;
}

/** Suggestions that are shown; whoever wants others types on. */
const most = 60;

/** Every target that can be written out, by standard object. Names in maps are anybody's, and are not here. */
const fixed: ReadonlyMap<string, readonly string[]> = new Map(
  standardObjects.map((o) => [o.name, o.fields.filter((f) => !f.reserved && !f.path.includes("{}")).map((f) => `${o.name}.${f.path}`)]),
);

/** What is known where a target is typed. */
export interface TargetContext {
  /** The name of the field, from which the name of an attribute is made. */
  field: string;
  /** Targets that other fields have already. */
  taken: ReadonlySet<string>;
  /** The identifiers of the keys: objects without one come last, since a target needs it. */
  identifiers: ReadonlySet<string>;
  /** Custom attributes that the domain has already, as targets. */
  attributes: readonly string[];
}

/** Targets that may be meant, grouped by standard object: those with words that begin as typed. */
export function suggestTargets(typed: string, context: TargetContext): { object: string; targets: string[] }[] {
  const object = (o: StandardObject): { object: string; targets: string[] } => {
    const attribute = `${o.name}.Attributes.${context.field}`;
    const known = context.attributes.filter((a) => a.startsWith(`${o.name}.`));
    const own = context.field === "" || known.includes(attribute) ? [] : [attribute];
    const all = [...(fixed.get(o.name) ?? []), ...known, ...own];
    return { object: o.name, targets: ranked(typed, all.filter((target) => !context.taken.has(target))) };
  };
  const needed = (o: StandardObject): number => (context.identifiers.has(o.identifier) || o.name === "_profile" ? 0 : 1);
  const groups = [...standardObjects].sort((a, b) => needed(a) - needed(b)).map(object);
  let left = most;
  return groups.flatMap((g) => {
    const targets = g.targets.slice(0, left);
    left -= targets.length;
    return targets.length > 0 ? [{ object: g.object, targets }] : [];
  });
}

/** The texts in which what was typed occurs, the nearest first. */
function ranked(typed: string, all: readonly string[]): string[] {
  const wanted = typed.trim().toLowerCase();
  if (wanted === "") return [...all];
  const words = wordsOf(typed);
  const scores = all.map((text): readonly [string, number] => {
    const lower = text.toLowerCase();
    if (lower.startsWith(wanted)) return [text, 4];
    if (plain(text.slice(text.lastIndexOf(".") + 1)).startsWith(words.join(""))) return [text, 3];
    if (lower.includes(wanted)) return [text, 2];
    const parts = wordsOf(text);
    return [text, words.length > 0 && words.every((w) => parts.some((p) => p.startsWith(w))) ? 1 : 0];
  });
  return scores.filter(([, s]) => s > 0).sort((a, b) => b[1] - a[1]).map(([text]) => text);
}

/** Sources that may be meant: places in the sample, or, within a template, places and blocks. */
export function suggestSources(typed: string, leaves: readonly Leaf[]): Suggestion[] {
  const open = typed.lastIndexOf("{{");
  if (open >= 0 && !typed.includes("}}", open)) return insideTemplate(typed, open, leaves);
  const places = leaves.map((leaf) => ({ value: sourceOf(leaf), detail: detailOf(leaf) }));
  const order = ranked(typed, places.map((p) => p.value));
  const byValue = new Map(places.map((p) => [p.value, p]));
  return order.flatMap((v) => byValue.get(v) ?? []).slice(0, most);
}

function insideTemplate(typed: string, open: number, leaves: readonly Leaf[]): Suggestion[] {
  const before = typed.slice(0, open);
  const inner = typed.slice(open + 2).trimStart();
  const block = /^#(\w*)(?:\s+(.*))?$/.exec(inner);
  const paths = leaves.flatMap((leaf) => {
    const path = templatePath(leaf);
    return path ? [{ path, detail: detailOf(leaf) }] : [];
  });
  const matching = (text: string): { path: string; detail: string }[] => {
    const order = ranked(text, paths.map((p) => p.path));
    return order.flatMap((p) => paths.find((x) => x.path === p) ?? []).slice(0, most);
  };
  if (!block) return matching(inner).map(({ path, detail }) => ({ value: `${before}{{${path}}}`, detail }));
  const [, name = "", path] = block;
  if (path !== undefined && blockNames.includes(name)) {
    return matching(path).map((p) => ({ value: `${before}{{#${name} ${p.path}}}{{/${name}}}`, detail: p.detail }));
  }
  return blockNames
    .filter((b) => b.startsWith(name))
    .map((b) => ({ value: b === "removeExtraSpace" ? `${before}{{#${b}}}{{/${b}}}` : `${before}{{#${b} ` }));
}

/** A leaf as templates write it; undefined if they cannot. */
export function templatePath({ path, rest }: Leaf): string | undefined {
  if (rest) return undefined;
  let text = "_source";
  for (const step of path) {
    if (typeof step === "number") text += `.[${step}]`;
    else if (/^[\p{L}_$][\p{L}\d_$-]*$/u.test(step) && !/^(?:this|true|false)$/.test(step)) text += `.${step}`;
    else if (!/[\]\n]/.test(step)) text += `.[${step}]`;
    else return undefined;
  }
  return text;
}

function detailOf({ values, rest }: Leaf): string {
  const [first] = values;
  const text = typeof first === "string" ? first : JSON.stringify(first);
  const short = text.length > 60 ? text.slice(0, 60) + "…" : text;
  return rest ? `${short}, …` : short;
}
