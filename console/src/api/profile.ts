import { CustomerProfilesClient } from "@aws-sdk/client-customer-profiles";
import { clientOf } from "./clients";

/** Customer Profiles of this server. */
export const profile = (): CustomerProfilesClient => clientOf(CustomerProfilesClient);
