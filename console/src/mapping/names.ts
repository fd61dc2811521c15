/** The words of a name, in lower case and without accents: billingAddress, billing_address and "Billing Address" have the same. */
export function wordsOf(name: string): string[] {
  return name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((w) => w !== "");
}

/** The words of a name, one after the other without anything between them. */
export const plain = (name: string): string => wordsOf(name).join("");

/** Words written as one name, each but the first with a capital. */
export const camel = (words: readonly string[]): string => words.map((w, i) => (i === 0 ? w : w.charAt(0).toUpperCase() + w.slice(1))).join("");

/** A name for a field or key that is not taken: the words as they are, or with a number. */
export function freeName(words: readonly string[], taken: (name: string) => boolean): string {
  let base = camel(words).replace(/^[^a-z]+/, "").slice(0, 60);
  if (base === "" || base === "tags") base = base === "" ? "field" : "tagList";
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}${n}`;
    if (!taken(name)) return name;
  }
}
