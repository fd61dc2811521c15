import { KMSClient } from "@aws-sdk/client-kms";
import { clientOf } from "./clients";

/** The key service of this server. */
export const kms = (): KMSClient => clientOf(KMSClient);
