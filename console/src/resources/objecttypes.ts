import {
  GetProfileObjectTypeCommand,
  type GetProfileObjectTypeCommandOutput,
  GetProfileObjectTypeTemplateCommand,
  ListProfileObjectTypeTemplatesCommand,
  ListProfileObjectTypesCommand,
  type ListProfileObjectTypeItem,
  type ListProfileObjectTypeTemplateItem,
  PutProfileObjectTypeCommand,
  type PutProfileObjectTypeCommandInput,
} from "@aws-sdk/client-customer-profiles";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { type Pages, usePages } from "../api/pages";
import { profile } from "../api/profile";
import type { Definition } from "../mapping/definition";

/** Under what the object types of a domain are cached. */
export const objectTypesKey = (domain: string) => ["profile", "objectTypes", domain] as const;

/** The object types of a domain by name, page by page. */
export function useObjectTypes(domain: string): Pages<ListProfileObjectTypeItem> {
  return usePages([...objectTypesKey(domain), "list"], async (token, signal) => {
    const out = await profile().send(new ListProfileObjectTypesCommand({ DomainName: domain, MaxResults: 100, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.Items ?? [], next: out.NextToken };
  });
}

/** An object type as the server has it. */
export interface StoredType {
  name: string;
  definition: Definition;
  /** Objects of a profile that may still be given to limits of object types, the type's own limit included. */
  objectsLeft: number | undefined;
  created: Date | undefined;
  updated: Date | undefined;
}

/** Reads an object type. */
export async function fetchObjectType(domain: string, name: string, signal?: AbortSignal): Promise<StoredType> {
  return storedType(await profile().send(new GetProfileObjectTypeCommand({ DomainName: domain, ObjectTypeName: name }), signal && { abortSignal: signal }));
}

function storedType(out: GetProfileObjectTypeCommandOutput): StoredType {
  const left = out.MaxAvailableProfileObjectCount;
  return {
    name: out.ObjectTypeName ?? "",
    definition: definitionOf(out),
    objectsLeft: left === undefined ? undefined : left + (out.MaxProfileObjectCount ?? 0),
    created: out.CreatedAt,
    updated: out.LastUpdatedAt,
  };
}

/** The definition in an answer of the server. */
function definitionOf(out: Omit<GetProfileObjectTypeCommandOutput, "ObjectTypeName" | "$metadata">): Definition {
  const { Description, TemplateId, AllowProfileCreation, SourceLastUpdatedTimestampFormat, SourcePriority, ExpirationDays, MaxProfileObjectCount, EncryptionKey, Fields, Keys } = out;
  const given = { Description, TemplateId, AllowProfileCreation, SourceLastUpdatedTimestampFormat, SourcePriority, ExpirationDays, MaxProfileObjectCount, EncryptionKey, Fields, Keys };
  return Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) as Definition;
}

/** An object type; a template's name that the domain does not define is the template's. */
export function useObjectType(domain: string, name: string): UseQueryResult<StoredType> {
  return useQuery({
    queryKey: [...objectTypesKey(domain), "one", name],
    queryFn: ({ signal }) => fetchObjectType(domain, name, signal),
  });
}

/** Makes or replaces an object type. */
export async function putObjectType(domain: string, name: string, definition: Definition): Promise<StoredType> {
  const input: Definition & Pick<PutProfileObjectTypeCommandInput, "DomainName" | "ObjectTypeName"> = { ...definition, DomainName: domain, ObjectTypeName: name };
  const out = await profile().send(new PutProfileObjectTypeCommand(input as PutProfileObjectTypeCommandInput));
  return storedType(out as GetProfileObjectTypeCommandOutput);
}

/** All pages of the names of a domain's object types. */
export async function objectTypeNames(domain: string, signal?: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  let token: string | undefined;
  do {
    const out = await profile().send(new ListProfileObjectTypesCommand({ DomainName: domain, MaxResults: 100, ...(token && { NextToken: token }) }), signal && { abortSignal: signal });
    for (const { ObjectTypeName } of out.Items ?? []) if (ObjectTypeName) names.push(ObjectTypeName);
    token = out.NextToken;
  } while (token);
  return names;
}

/** Calls of the same sort that are made at once. */
const atOnce = 6;

/** The definitions of all object types of a domain, by name: there are at most 100. */
export function useDefinitions(domain: string): UseQueryResult<ReadonlyMap<string, Definition>> {
  return useQuery({
    queryKey: [...objectTypesKey(domain), "definitions"],
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      const names = await objectTypeNames(domain, signal);
      const definitions = new Map<string, Definition>();
      const next = names.values();
      const work = async (): Promise<void> => {
        for (const name of next) definitions.set(name, (await fetchObjectType(domain, name, signal)).definition);
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      return definitions;
    },
  });
}

/** The templates, by id. There are a few dozen. */
export function useTemplates(): UseQueryResult<ListProfileObjectTypeTemplateItem[]> {
  return useQuery({
    queryKey: ["profile", "templates"],
    staleTime: Infinity, // they are part of the server
    queryFn: async ({ signal }) => {
      const items: ListProfileObjectTypeTemplateItem[] = [];
      let token: string | undefined;
      do {
        const out = await profile().send(new ListProfileObjectTypeTemplatesCommand({ MaxResults: 100, ...(token && { NextToken: token }) }), { abortSignal: signal });
        items.push(...(out.Items ?? []));
        token = out.NextToken;
      } while (token);
      return items;
    },
  });
}

/** Reads a template as the definition of an object type. */
export async function fetchTemplate(id: string, signal?: AbortSignal): Promise<Definition> {
  const out = await profile().send(new GetProfileObjectTypeTemplateCommand({ TemplateId: id }), signal && { abortSignal: signal });
  const { AllowProfileCreation, SourceLastUpdatedTimestampFormat, Fields, Keys } = out;
  return definitionOf({ AllowProfileCreation, SourceLastUpdatedTimestampFormat, Fields, Keys } as GetProfileObjectTypeCommandOutput);
}
