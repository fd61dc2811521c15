import { kindred } from "../api/kindred";
import { type Pages, usePages } from "../api/pages";

/** Somebody or something that policies can name. */
export interface Principal {
  kind: "user" | "role";
  name: string;
  arn: string;
}

/** Under what principals are cached. */
export const principalsKey = ["kindred", "principals"] as const;

/** The users, page by page. */
export function useUsers(): Pages<Principal> {
  return usePages([...principalsKey, "users"], async (token, signal) => {
    const out = await kindred().call("ListUsers", { MaxResults: 100, ...(token && { NextToken: token }) }, { signal });
    return { items: out.Users.map((u) => ({ kind: "user" as const, name: u.UserName, arn: u.Arn })), next: out.NextToken };
  });
}

/** The roles, page by page. */
export function useRoles(): Pages<Principal> {
  return usePages([...principalsKey, "roles"], async (token, signal) => {
    const out = await kindred().call("ListRoles", { MaxResults: 100, ...(token && { NextToken: token }) }, { signal });
    return { items: out.Roles.map((r) => ({ kind: "role" as const, name: r.RoleName, arn: r.Arn })), next: out.NextToken };
  });
}
