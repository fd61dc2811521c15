import { type Dispatch, useCallback, useMemo, useReducer, useState } from "react";
import type { Place, Surroundings } from "../../../mapping/check";
import { type Definition, domainKeys } from "../../../mapping/definition";
import { writeDefinition } from "../../../mapping/definitiontext";
import { draftOf } from "../../../mapping/draft";
import { type Problems, useProblems } from "./problems";
import { type EditorAction, type EditorState, edit, startEditor } from "./state";

/** An object type that is being edited, with what is known of the domain around it. */
export interface TypeEditor {
  state: EditorState;
  dispatch: Dispatch<EditorAction>;
  problems: Problems;
  around: Surroundings;
  /** Custom attributes of the domain, as targets. */
  attributes: readonly string[];
  /** It is not what it was at first, or when it was last saved. */
  changed: boolean;
  /** The user has tried to save it, and wants to know all that is missing. */
  tried: boolean;
  setTried: () => void;
  /** The row that the user is led to. */
  shown: string | undefined;
  show: (place: Place) => void;
  /** It has been saved as it is. */
  saved: () => void;
}

const none: ReadonlyMap<string, Definition> = new Map();

/** Edits an object type. definitions are those of the domain, as far as they are known. */
export function useTypeEditor(name: string, initial: Definition, definitions: ReadonlyMap<string, Definition> = none, objectsLeft?: number): TypeEditor {
  const [state, dispatch] = useReducer(edit, initial, startEditor);
  const [base, setBase] = useState(() => writeDefinition(draftOf(initial)));
  const [tried, setTried] = useState(false);
  const [shown, setShown] = useState<string>();
  const { around, attributes } = useMemo(() => {
    const others = [...definitions].filter(([n]) => n !== name).map(([, d]) => d);
    const targets = [...definitions.values()].flatMap((d) => Object.values(d.Fields ?? {}).map((f) => f.Target ?? ""));
    return {
      around: { keys: domainKeys(others), objectsLeft },
      attributes: [...new Set(targets.filter((target) => /^_\w+\.Attributes\.[^{]+$/.test(target)))].sort(),
    };
  }, [definitions, name, objectsLeft]);
  const now = useMemo(() => writeDefinition(state.draft), [state.draft]);
  const problems = useProblems(name, state.draft, around);
  return {
    state,
    dispatch,
    problems,
    around,
    attributes,
    changed: state.fault !== undefined || now !== base,
    tried,
    setTried: useCallback(() => setTried(true), []),
    shown,
    show: useCallback((place) => setShown("row" in place ? place.row : undefined), []),
    saved: useCallback(() => {
      setBase(now);
      setTried(false);
    }, [now]),
  };
}
