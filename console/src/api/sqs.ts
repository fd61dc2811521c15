import { SQSClient } from "@aws-sdk/client-sqs";
import { type ClientConfig, clientOf } from "./clients";

class Client extends SQSClient {
  constructor(config: ClientConfig) {
    // The SDK would send to the host of a queue's URL, which need not be the one
    // that the page came from.
    super({ ...config, useQueueUrlAsEndpoint: false });
  }
}

/** The queue service of this server. */
export const sqs = (): SQSClient => clientOf(Client);
