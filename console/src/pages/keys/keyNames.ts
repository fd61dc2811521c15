import { useMemo } from "react";
import { useAliasesOf } from "../../resources/keys";

/** What a domain may call a key: its id, and the ARNs of its aliases. */
export function useKeyNames(id: string): readonly string[] {
  const { items } = useAliasesOf(id);
  return useMemo(() => [id, ...items.flatMap((a) => a.AliasArn ?? [])], [id, items]);
}
