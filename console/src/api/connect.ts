import { ConnectClient } from "@aws-sdk/client-connect";
import { clientOf } from "./clients";

/** The part of Amazon Connect that this server speaks. */
export const connect = (): ConnectClient => clientOf(ConnectClient);
