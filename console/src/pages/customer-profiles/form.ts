import { domainNamePattern } from "../../resources/domains";
import { keyArnPattern } from "../../resources/keys";
import type { Choice } from "./enable";

/** What is entered of the domain. What belongs to the other kind is kept while one changes one's mind. */
export interface DomainForm {
  kind: "new" | "existing";
  name: string;
  days: string;
  existing: string | undefined;
}

/** What is entered of the dead letter queue. */
export interface QueueForm {
  kind: "keep" | "none" | "existing" | "new";
  url: string | undefined;
}

/** What is entered of the key. */
export interface KeyForm {
  kind: "keep" | "existing" | "arn" | "new";
  key: string | undefined;
  arn: string;
}

/** All three parts. */
export interface EnableForm {
  domain: DomainForm;
  queue: QueueForm;
  key: KeyForm;
}

/** How long profiles are kept if nobody says otherwise, in days; as in the console of AWS. */
export const defaultDays = 366;

const dayRange = (days: string): boolean => /^\d{1,4}$/.test(days) && Number(days) >= 1 && Number(days) <= 1098;

/** The name that is suggested for an instance's domain: the one by which AWS's service roles know domains of Connect. */
export function suggestedName(alias: string | undefined): string {
  return `amazon-connect-${alias ?? "profiles"}`.slice(0, 64);
}

/** Which fields of each part are missing or break a rule. */
export const faults = {
  domain: ({ kind, name, days, existing }: DomainForm): Set<"name" | "days" | "existing"> => {
    const found = new Set<"name" | "days" | "existing">();
    if (kind === "new" && !domainNamePattern.test(name)) found.add("name");
    if (kind === "new" && !dayRange(days)) found.add("days");
    if (kind === "existing" && !existing) found.add("existing");
    return found;
  },
  queue: ({ kind, url }: QueueForm): Set<"url"> => new Set(kind === "new" || (kind === "existing" && !url) ? ["url"] : []),
  key: ({ kind, key, arn }: KeyForm): Set<"key"> =>
    new Set(kind === "new" || (kind === "existing" && !key) || (kind === "arn" && !keyArnPattern.test(arn.trim())) ? ["key"] : []),
};

/** The choice that a form makes; null while something is missing. */
export function choiceOf({ domain, queue, key }: EnableForm): Choice | null {
  if (faults.domain(domain).size + faults.queue(queue).size + faults.key(key).size > 0) return null;
  return {
    domain: domain.kind === "new" ? { kind: "new", name: domain.name, days: Number(domain.days) } : { kind: "existing", name: domain.existing ?? "" },
    queue: queue.kind === "keep" ? undefined : queue.kind === "none" ? "" : queue.url,
    key: key.kind === "keep" ? undefined : key.kind === "arn" ? key.arn.trim() : key.key,
  };
}

/** The form when another kind of domain is chosen: an existing one keeps what it has until told otherwise, a new one has nothing to keep. */
export function withDomain(form: EnableForm, domain: DomainForm): EnableForm {
  const changed = domain.kind !== form.domain.kind || domain.existing !== form.domain.existing;
  if (!changed) return { ...form, domain };
  if (domain.kind === "existing") return { domain, queue: { ...form.queue, kind: "keep" }, key: { ...form.key, kind: "keep" } };
  return {
    domain,
    queue: form.queue.kind === "keep" ? { ...form.queue, kind: "existing" } : form.queue,
    key: form.key.kind === "keep" ? { ...form.key, kind: "existing" } : form.key,
  };
}
