import { CustomerProfilesClient } from "@aws-sdk/client-customer-profiles";
import { type ClientConfig, clientOf } from "./clients";
import { RestClient } from "./kindred";

/** Customer Profiles of this server. */
export const profile = (): CustomerProfilesClient => clientOf(CustomerProfilesClient);

class ProfileRest extends RestClient {
  constructor(config: ClientConfig) {
    super(config, "profile");
  }
}

/** What became of the records of a batch, each known by its Id. */
export interface BatchPutProfileObjectOutput {
  Successful?: { Id: string; ProfileObjectUniqueKey: string }[];
  Failed?: { Id: string; Code: number; Message?: string }[];
}

/** Puts up to 10 objects of a type. The SDK's client does not know this operation yet. */
export async function batchPutProfileObject(
  input: { DomainName: string; ObjectTypeName: string; Items: { Id: string; Object: string }[] },
  signal: AbortSignal,
): Promise<BatchPutProfileObjectOutput> {
  const wire = { method: "PUT", path: "/domains/{DomainName}/profiles/objects/batch-put-profile-object", query: {}, times: [] };
  return (await clientOf(ProfileRest).send(wire, input, { signal })) as BatchPutProfileObjectOutput;
}
