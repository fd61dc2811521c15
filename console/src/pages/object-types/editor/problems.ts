import { useMemo } from "react";
import { useText } from "../../../i18n/text";
import { type Problem, type Surroundings, check, hints, whole } from "../../../mapping/check";
import type { Draft } from "../../../mapping/draft";
import rules from "../../../mapping/messages";

/** The first rule that each input breaks, in words: by row, and by member. */
export type InputTexts = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** What is wrong with a draft, for its inputs and as a list. */
export interface Problems {
  all: readonly { problem: Problem; text: string }[];
  rows: InputTexts;
  hints: InputTexts;
  /** Of members besides fields and keys. */
  options: Readonly<Record<string, string>>;
}

/** Checks a draft, in the user's language. */
export function useProblems(name: string, draft: Draft, around: Surroundings): Problems {
  const t = useText(rules);
  return useMemo(() => {
    const problems = check(name, draft, around);
    const options: Record<string, string> = {};
    for (const { place, say } of problems) if (place.part === "option") options[place.member] ??= say(t);
    const texts = (list: readonly Problem[]): InputTexts => {
      const rows = new Map<string, Record<string, string>>();
      for (const { place, say } of list) {
        if (place.part !== "field" && place.part !== "key") continue;
        const row = rows.get(place.row) ?? {};
        row[place.member] ??= say(t);
        rows.set(place.row, row);
      }
      return rows;
    };
    return { all: problems.map((problem) => ({ problem, text: whole(problem, t) })), rows: texts(problems), hints: texts(hints(draft)), options };
  }, [name, draft, around, t]);
}
