import { Fault, attempt } from "./fault";

const maxLength = 255;

/** The letters of Java's SimpleDateFormat that are read. */
const letters = "yYMLdDuwWFHkKhmsSGEazZX";

/** Refuses a SourceLastUpdatedTimestampFormat that is neither EpochMilli nor a pattern of Java's SimpleDateFormat. */
export function parseTimeFormat(pattern: string): void {
  if (/^epochmilli$/i.test(pattern)) return;
  if ([...pattern].length > maxLength) throw new Fault((t) => t("tooLongUtf8", { most: maxLength }));
  let found = false;
  for (let i = 0; i < pattern.length; ) {
    const c = pattern.charAt(i);
    if (c === "'") {
      i = afterQuote(pattern, i);
    } else if (/[A-Za-z]/.test(c)) {
      let n = 1;
      while (pattern[i + n] === c) n++;
      if (!letters.includes(c)) throw new Fault((t) => t("formatLetter", { letter: c }));
      if (c === "X" && n > 3) throw new Fault((t) => t("formatX"));
      found = true;
      i += n;
    } else i++;
  }
  if (!found) throw new Fault((t) => t("formatNeither"));
}

/** Where a quoted text ends; two quotes stand for one. */
function afterQuote(pattern: string, from: number): number {
  if (pattern.startsWith("''", from)) return from + 2;
  for (let i = from + 1; i < pattern.length; i++) {
    if (pattern[i] !== "'") continue;
    if (pattern[i + 1] !== "'") return i + 1;
    i++;
  }
  throw new Fault((t) => t("formatQuote"));
}

/** Why a time format is refused, if it is. */
export function checkTimeFormat(pattern: string): Fault | undefined {
  const result = attempt(() => parseTimeFormat(pattern));
  return result instanceof Fault ? result : undefined;
}
