import { useQuery } from "@tanstack/react-query";
import { useDomains, useIntegrations } from "../../resources/domains";
import { useInstances } from "../../resources/instances";
import type { Pages } from "../../api/pages";

/** A domain or an instance to choose. */
export interface Choice {
  value: string;
  label: string;
}

/** The domains to work in. */
export function useDomainChoices(): Pages<unknown> & { choices: readonly Choice[] } {
  const list = useDomains();
  return { ...list, choices: list.items.map((d) => ({ value: d.DomainName ?? "", label: d.DomainName ?? "" })) };
}

/** The instances whose contacts a domain takes in. */
export function useInstanceChoices(domain: string): readonly Choice[] | undefined {
  const integrations = useIntegrations(domain);
  const instances = useInstances();
  if (integrations.loading) return undefined;
  const aliases = new Map(instances.items.map((i) => [i.Id, i.InstanceAlias]));
  return integrations.items.flatMap(({ Uri = "" }) => {
    const id = /^arn:aws:connect:[^:]*:[^:]*:instance\/([^/]+)$/.exec(Uri)?.[1];
    return id ? [{ value: id, label: aliases.get(id) ?? id }] : [];
  });
}

/** The origins of pages that may show things here by messages, as the administrator has set them. */
export function useAllowedOrigins(): readonly string[] {
  const { data } = useQuery({
    queryKey: ["console", "config"],
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
      const answer = await fetch("/console/config.json", { signal, credentials: "omit" });
      const { allowedOrigins } = (await answer.json()) as { allowedOrigins?: unknown };
      return Array.isArray(allowedOrigins) ? allowedOrigins.filter((o): o is string => typeof o === "string") : [];
    },
  });
  return data ?? none;
}

const none: readonly string[] = [];
