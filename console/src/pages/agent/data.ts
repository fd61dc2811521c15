import {
  AddProfileKeyCommand,
  BatchGetProfileCommand,
  CreateProfileCommand,
  type CreateProfileCommandInput,
  GetProfileHistoryRecordCommand,
  type ListProfileObjectsItem,
  ListProfileHistoryRecordsCommand,
  ListProfileObjectsCommand,
  type LogicalOperator,
  MergeProfilesCommand,
  type MergeProfilesCommandInput,
  type Profile,
  type ProfileHistoryRecord,
  SearchProfilesCommand,
  UpdateProfileCommand,
  type UpdateProfileCommandInput,
} from "@aws-sdk/client-customer-profiles";
import { type QueryClient, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { kindred } from "../../api/kindred";
import type { GetMergeLineageResponse, GetProfileProvenanceResponse } from "../../api/kindred.types";
import { type Pages, usePages } from "../../api/pages";
import { profile } from "../../api/profile";
import { type Clue, calls } from "./question";

/** Under what a profile and all that is shown of it are cached. */
const profileKey = (domain: string, id: string) => ["profile", "workspace", domain, id] as const;

/** Profiles that a search shows at most. */
export const mostFound = 50;

/** A profile and by which of the clues it was found. */
export interface Found {
  id: string;
  profile: Profile;
  by: readonly Clue[];
}

/** Searches for profiles by any of the clues: the likeliest five at once and, if nothing is found, by the rest. */
export async function search(domain: string, clues: readonly Clue[], signal?: AbortSignal): Promise<Found[]> {
  const [first = [], ...rest] = calls(clues);
  const found = await searchOnce(domain, first, signal);
  return found.length > 0 ? found : merged(await Promise.all(rest.map((c) => searchOnce(domain, c, signal))));
}

async function searchOnce(domain: string, [first, ...others]: readonly Clue[], signal?: AbortSignal): Promise<Found[]> {
  if (!first) return [];
  const out = await profile().send(
    new SearchProfilesCommand({
      DomainName: domain,
      KeyName: first.name,
      Values: [first.value],
      MaxResults: mostFound,
      ...(others.length > 0 && { AdditionalSearchKeys: others.map((c) => ({ KeyName: c.name, Values: [c.value] })), LogicalOperator: "OR" satisfies LogicalOperator }),
    }),
    signal && { abortSignal: signal },
  );
  return (out.Items ?? []).flatMap((p) =>
    p.ProfileId ? [{ id: p.ProfileId, profile: p, by: (p.FoundByItems ?? []).map((f) => ({ name: f.KeyName ?? "", value: f.Values?.[0] ?? "" })) }] : [],
  );
}

function merged(lists: readonly (readonly Found[])[]): Found[] {
  const all = new Map<string, Found>();
  for (const f of lists.flat()) {
    const had = all.get(f.id);
    all.set(f.id, had ? { ...had, by: [...had.by, ...f.by] } : f);
  }
  return [...all.values()];
}

/** Reads profiles; those that are not there are left out. */
export async function readProfiles(domain: string, ids: readonly string[], signal?: AbortSignal): Promise<Found[]> {
  if (ids.length === 0) return [];
  const out = await profile().send(new BatchGetProfileCommand({ DomainName: domain, ProfileIds: ids.slice(0, 20) }), signal && { abortSignal: signal });
  return (out.Profiles ?? []).flatMap((p) => (p.ProfileId ? [{ id: p.ProfileId, profile: p, by: [] }] : []));
}

/** Keeps what a search has brought, so that the profile is painted without another call. */
export function keep(queries: QueryClient, domain: string, found: readonly Found[]): void {
  for (const f of found) queries.setQueryData([...profileKey(domain, f.id), "one"], f.profile);
}

/** One profile; null if it is not there (any more). */
export function useProfile(domain: string, id: string): UseQueryResult<Profile | null> {
  return useQuery({
    queryKey: [...profileKey(domain, id), "one"],
    queryFn: async ({ signal }) => (await readProfiles(domain, [id], signal))[0]?.profile ?? null,
  });
}

/** The profile under which clients see one that was merged away; undefined if nobody can tell. */
export async function successor(domain: string, id: string): Promise<string | undefined> {
  try {
    const { SuccessorProfileId } = await kindred().call("GetMergeLineage", { DomainName: domain, ProfileId: id });
    return SuccessorProfileId === id ? undefined : SuccessorProfileId;
  } catch {
    return undefined; // it was deleted, or the user may not see lineages
  }
}

/** Reads everything of profiles anew. */
export async function profilesChanged(queries: QueryClient, domain: string, ...ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => queries.invalidateQueries({ queryKey: profileKey(domain, id) })));
}

/** An object of a profile, its text taken apart. */
export interface ProfileObject {
  type: string;
  key: string;
  fields: Readonly<Record<string, unknown>>;
}

/** The objects of one type that a profile has, the newest first, page by page. */
export function useObjects(domain: string, id: string, type: string, { enabled = true }: { enabled?: boolean } = {}): Pages<ProfileObject> {
  return usePages(
    [...profileKey(domain, id), "objects", type],
    async (token, signal) => {
      const out = await profile().send(new ListProfileObjectsCommand({ DomainName: domain, ProfileId: id, ObjectTypeName: type, MaxResults: 50, ...(token && { NextToken: token }) }), {
        abortSignal: signal,
      });
      return { items: (out.Items ?? []).map(objectOf), next: out.NextToken };
    },
    { enabled },
  );
}

function objectOf(item: ListProfileObjectsItem): ProfileObject {
  let fields: unknown = {};
  try {
    fields = JSON.parse(item.Object ?? "{}");
  } catch {
    // Objects are JSON objects; one that is not shows nothing.
  }
  return { type: item.ObjectTypeName ?? "", key: item.ProfileObjectUniqueKey ?? "", fields: typeof fields === "object" && fields !== null ? (fields as Record<string, unknown>) : {} };
}

/** What happened to a profile, the newest first, page by page. */
export function useHistory(domain: string, id: string): Pages<ProfileHistoryRecord> {
  return usePages([...profileKey(domain, id), "history"], async (token, signal) => {
    const out = await profile().send(new ListProfileHistoryRecordsCommand({ DomainName: domain, ProfileId: id, MaxResults: 50, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.ProfileHistoryRecords ?? [], next: out.NextToken };
  });
}

/** What a record of the history is about, as JSON; empty if there is nothing. */
export function useHistoryContent(domain: string, id: string, record: string | undefined): UseQueryResult<string> {
  return useQuery({
    queryKey: [...profileKey(domain, id), "history", "one", record],
    enabled: record !== undefined,
    queryFn: async ({ signal }) => {
      const out = await profile().send(new GetProfileHistoryRecordCommand({ DomainName: domain, ProfileId: id, Id: record }), { abortSignal: signal });
      return out.Content ?? "";
    },
  });
}

/** Where each value of a profile comes from. */
export function useProvenance(domain: string, id: string, enabled: boolean): UseQueryResult<GetProfileProvenanceResponse> {
  return useQuery({
    queryKey: [...profileKey(domain, id), "provenance"],
    enabled,
    queryFn: ({ signal }) => kindred().call("GetProfileProvenance", { DomainName: domain, ProfileId: id }, { signal }),
  });
}

/** The merges of a profile, the newest first, page by page. */
export function useLineage(domain: string, id: string): Pages<GetMergeLineageResponse["Merges"][number]> {
  return usePages([...profileKey(domain, id), "lineage"], async (token, signal) => {
    const out = await kindred().call("GetMergeLineage", { DomainName: domain, ProfileId: id, ...(token && { NextToken: token }) }, { signal });
    return { items: out.Merges, next: out.NextToken };
  });
}

/** The permissions by which the workspace leaves out what would be refused. */
const asked = {
  create: "profile:CreateProfile",
  edit: "profile:UpdateProfile",
  associate: "profile:AddProfileKey",
  merge: "profile:MergeProfiles",
  unmerge: "kindred:UnmergeProfiles",
  lineage: "kindred:GetMergeLineage",
  history: "profile:ListProfileHistoryRecords",
  provenance: "kindred:GetProfileProvenance",
} as const;

/** What the user may do in the workspace. */
export type Permissions = Readonly<Record<keyof typeof asked, boolean>>;

const everything = Object.fromEntries(Object.keys(asked).map((k) => [k, true])) as unknown as Permissions;

/** What the user may do with profiles of a domain, by its ARN; everything until it is known, for the API decides in the end. */
export function usePermissions(arn: string | undefined): Permissions {
  const { data } = useQuery({
    queryKey: ["kindred", "permissions", "workspace", arn],
    enabled: arn !== undefined,
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const { Permissions: given } = await kindred().call("GetCallerPermissions", { Actions: Object.values(asked), ...(arn && { ResourceArn: arn }) }, { signal });
      const allowed = new Map(given.map((p) => [p.Action, p.Allowed]));
      return Object.fromEntries(Object.entries(asked).map(([k, action]) => [k, allowed.get(action) ?? false])) as unknown as Permissions;
    },
  });
  return data ?? everything;
}

/** Makes a profile and returns its id. */
export async function createProfile(input: CreateProfileCommandInput): Promise<string> {
  return (await profile().send(new CreateProfileCommand(input))).ProfileId ?? "";
}

/** Changes a profile: what is absent stays, and an empty text removes. */
export async function updateProfile(input: UpdateProfileCommandInput): Promise<void> {
  await profile().send(new UpdateProfileCommand(input));
}

/** Associates a contact with a profile: its record goes there. */
export async function associate(domain: string, id: string, contactId: string): Promise<void> {
  await profile().send(new AddProfileKeyCommand({ DomainName: domain, ProfileId: id, KeyName: "_ctrContactId", Values: [contactId] }));
}

/** Merges profiles into the main one. */
export async function mergeProfiles(input: MergeProfilesCommandInput): Promise<void> {
  await profile().send(new MergeProfilesCommand(input));
}

