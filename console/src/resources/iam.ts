import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { kindred } from "../api/kindred";
import type { AccessKeyMetadata, Policy, SignInSession, User } from "../api/kindred.types";
import { type Pages, usePages } from "../api/pages";

/** Under what users are cached. */
export const usersKey = ["kindred", "iam", "users"] as const;
/** Under what policies are cached. */
export const policiesKey = ["kindred", "iam", "policies"] as const;

/** The API's rule for the names of users and policies. */
export const iamNamePattern = /^[\w+=,.@-]{1,64}$/;
export const policyNamePattern = /^[\w+=,.@-]{1,128}$/;

/** The users with what is known of each, page by page. */
export function useUserRows(): Pages<User> {
  return usePages([...usersKey, "list"], async (token, signal) => {
    const out = await kindred().call("ListUsers", { MaxResults: 100, ...(token && { NextToken: token }) }, { signal });
    return { items: out.Users, next: out.NextToken };
  });
}

/** One user. */
export function useUser(name: string): UseQueryResult<User> {
  return useQuery({ queryKey: [...usersKey, "one", name], queryFn: async ({ signal }) => (await kindred().call("GetUser", { UserName: name }, { signal })).User });
}

/** The access keys of a user; there are a few. */
export function useAccessKeys(user: string): UseQueryResult<AccessKeyMetadata[]> {
  return useQuery({ queryKey: [...usersKey, "keys", user], queryFn: async ({ signal }) => (await kindred().call("ListAccessKeys", { UserName: user }, { signal })).AccessKeyMetadata });
}

/** The names of the policies that are attached to a user. */
export function useAttached(user: string): UseQueryResult<string[]> {
  return useQuery({
    queryKey: [...usersKey, "attached", user],
    queryFn: async ({ signal }) => (await kindred().call("ListAttachedUserPolicies", { UserName: user }, { signal })).AttachedPolicies.map((p) => p.PolicyName),
  });
}

/** The names of a user's own policies. */
export function useInline(user: string): UseQueryResult<string[]> {
  return useQuery({ queryKey: [...usersKey, "inline", user], queryFn: async ({ signal }) => (await kindred().call("ListUserPolicies", { UserName: user }, { signal })).PolicyNames });
}

/** When the password of a user was set; null if there is none. */
export function usePassword(user: string): UseQueryResult<Date | null> {
  return useQuery({
    queryKey: [...usersKey, "password", user],
    queryFn: async ({ signal }) => {
      const { HasPassword, SetDate } = await kindred().call("GetUserPassword", { UserName: user }, { signal });
      return HasPassword ? (SetDate ?? null) : null;
    },
  });
}

/** Where a user is signed in. */
export function useSessions(user: string): UseQueryResult<SignInSession[]> {
  return useQuery({ queryKey: [...usersKey, "sessions", user], queryFn: async ({ signal }) => (await kindred().call("ListSessions", { UserName: user }, { signal })).Sessions });
}

/** The managed policies, page by page. */
export function usePolicies(): Pages<Policy> {
  return usePages([...policiesKey, "list"], async (token, signal) => {
    const out = await kindred().call("ListPolicies", { MaxResults: 100, ...(token && { NextToken: token }) }, { signal });
    return { items: out.Policies, next: out.NextToken };
  });
}

/** A managed policy with its document. */
export function usePolicy(name: string): UseQueryResult<{ policy: Policy; document: string }> {
  return useQuery({
    queryKey: [...policiesKey, "one", name],
    queryFn: async ({ signal }) => {
      const out = await kindred().call("GetPolicy", { PolicyName: name }, { signal });
      return { policy: out.Policy, document: out.PolicyDocument };
    },
  });
}
