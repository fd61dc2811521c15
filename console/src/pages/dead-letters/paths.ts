import { generatePath } from "react-router";

/** The page of a domain's dead letters, or of those of an object type with one error. */
export function lettersPath(domain: string, filter: { objectType?: string | undefined; message?: string | undefined } = {}): string {
  const query = new URLSearchParams();
  if (filter.objectType) query.set("type", filter.objectType);
  if (filter.message) query.set("error", filter.message);
  const search = query.toString();
  return generatePath("/console/domains/:domainName/dead-letters", { domainName: domain }) + (search && `?${search}`);
}

/** The page of one letter. */
export const letterPath = (domain: string, letterId: string): string =>
  generatePath("/console/domains/:domainName/dead-letters/:letterId", { domainName: domain, letterId });

/** The page of a domain. */
export const domainPath = (domain: string): string => generatePath("/console/domains/:domainName", { domainName: domain });

/** The page on which an object type's mapping is edited. */
export const mappingPath = (domain: string, objectType: string): string =>
  generatePath("/console/domains/:domainName/object-types/:objectTypeName", { domainName: domain, objectTypeName: objectType });
