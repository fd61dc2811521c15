import { CreateDomainCommand, CreateProfileCommand, CustomerProfilesClient, PutProfileObjectCommand, PutProfileObjectTypeCommand } from "@aws-sdk/client-customer-profiles";
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect } from "vitest";
import { serviceStatement } from "../../src/resources/policy";
import type { Kindred } from "./kindred";

export const account = "000000000000";
const region = "us-east-1";

export const queueArn = (name: string): string => `arn:aws:sqs:${region}:${account}:${name}`;
export const queueUrl = (kindred: Kindred, name: string): string => `${kindred.url}/${account}/${name}`;
const domainArn = (name: string): string => `arn:aws:profile:${region}:${account}:domains/${name}`;

const settings = (kindred: Kindred) => ({ region, endpoint: kindred.url, credentials: kindred.key });
export const sqsOf = (kindred: Kindred): SQSClient => new SQSClient(settings(kindred));
export const kmsOf = (kindred: Kindred): KMSClient => new KMSClient(settings(kindred));
export const profileOf = (kindred: Kindred): CustomerProfilesClient => new CustomerProfilesClient(settings(kindred));

/** Makes a queue; for a domain's dead letters if one is named. */
export async function newQueue(kindred: Kindred, name: string, domain?: string): Promise<string> {
  const statement = domain && serviceStatement(["sqs:SendMessage"], queueArn(name), domainArn(domain), account);
  const policy = statement && JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  const { QueueUrl = "" } = await sqsOf(kindred).send(new CreateQueueCommand({ QueueName: name, Attributes: { MessageRetentionPeriod: "1209600", ...(policy && { Policy: policy }) } }));
  return QueueUrl;
}

/** Makes a key with an alias, and returns its id and ARN. */
export async function newKey(kindred: Kindred, alias: string): Promise<{ id: string; arn: string }> {
  const { KeyMetadata } = await kmsOf(kindred).send(new CreateKeyCommand({ Description: `Profiles of ${alias}` }));
  await kmsOf(kindred).send(new CreateAliasCommand({ AliasName: `alias/${alias}`, TargetKeyId: KeyMetadata?.KeyId }));
  return { id: KeyMetadata?.KeyId ?? "", arn: KeyMetadata?.Arn ?? "" };
}

/** Makes a domain with the object types Ticket and Order, neither of which makes profiles. */
export async function newDomain(kindred: Kindred, name: string, { queue, key }: { queue?: string; key?: string } = {}): Promise<void> {
  const profile = profileOf(kindred);
  await profile.send(
    new CreateDomainCommand({ DomainName: name, DefaultExpirationDays: 366, ...(queue && { DeadLetterQueueUrl: queue }), ...(key && { DefaultEncryptionKey: key }) }),
  );
  const email = { Source: "_source.email", Target: "_profile.EmailAddress", ContentType: "EMAIL_ADDRESS" as const };
  await profile.send(
    new PutProfileObjectTypeCommand({
      DomainName: name,
      ObjectTypeName: "Ticket",
      Description: "Support tickets; they make no profiles",
      AllowProfileCreation: false,
      Fields: { no: { Source: "_source.no" }, email: { ...email }, subject: { Source: "_source.subject", Target: "_profile.Attributes.lastTicket" } },
      Keys: { ticketNo: [{ StandardIdentifiers: ["UNIQUE"], FieldNames: ["no"] }], _email: [{ StandardIdentifiers: ["PROFILE", "LOOKUP_ONLY"], FieldNames: ["email"] }] },
    }),
  );
  await profile.send(
    new PutProfileObjectTypeCommand({
      DomainName: name,
      ObjectTypeName: "Order",
      Description: "Orders by telephone; they make no profiles",
      AllowProfileCreation: false,
      Fields: {
        no: { Source: "_source.no" },
        phone: { Source: "_source.phone", Target: "_profile.PhoneNumber", ContentType: "PHONE_NUMBER" },
        item: { Source: "_source.item", Target: "_profile.Attributes.lastItem" },
      },
      Keys: { orderNo: [{ StandardIdentifiers: ["UNIQUE"], FieldNames: ["no"] }], _phone: [{ StandardIdentifiers: ["PROFILE"], FieldNames: ["phone"] }] },
    }),
  );
}

/** Makes a profile by hand. */
export async function newProfile(kindred: Kindred, domain: string, values: { FirstName?: string; LastName?: string; EmailAddress?: string; PhoneNumber?: string }): Promise<void> {
  await profileOf(kindred).send(new CreateProfileCommand({ DomainName: domain, ...values }));
}

/** Sends records, which the domain takes in or puts into its dead letter queue. */
export async function putObjects(kindred: Kindred, domain: string, type: string, ...objects: readonly object[]): Promise<void> {
  for (const o of objects) await profileOf(kindred).send(new PutProfileObjectCommand({ DomainName: domain, ObjectTypeName: type, Object: JSON.stringify(o) }));
}

/** How many messages a queue has. */
export async function messagesIn(kindred: Kindred, name: string): Promise<number> {
  const { Attributes = {} } = await sqsOf(kindred).send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl(kindred, name), AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] }),
  );
  return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
}

/** Waits until a queue has so many messages: dead letters get there soon after they are durable. */
export const haveArrived = (kindred: Kindred, name: string, count: number) => expect.poll(() => messagesIn(kindred, name), { timeout: 15_000 }).toBe(count);

/**
 * A domain with a queue and a key of its name, and dead letters of two kinds: four
 * tickets of strangers, and an order by a phone number that two profiles have.
 */
export async function newShop(kindred: Kindred, name: string): Promise<{ queue: string; key: { id: string; arn: string } }> {
  const queue = `${name}-dead-letters`;
  const key = await newKey(kindred, `${name}-profiles`);
  await newDomain(kindred, name, { queue: await newQueue(kindred, queue, name), key: key.arn });
  await newProfile(kindred, name, { FirstName: "Ada", LastName: "Lovelace", PhoneNumber: "+12065550100", EmailAddress: "ada@example.org" });
  await newProfile(kindred, name, { FirstName: "Charles", LastName: "Babbage", PhoneNumber: "+12065550100" });
  await putObjects(
    kindred,
    name,
    "Ticket",
    { no: "T-1", email: "grace@example.org", subject: "Parcel is late" },
    { no: "T-2", email: "alan@example.org", subject: "Wrong size" },
    { no: "T-3", email: "edsger@example.org", subject: "Invoice is missing" },
    { no: "T-4", email: "barbara@example.org", subject: "Change of address" },
  );
  await putObjects(kindred, name, "Order", { no: "O-1", phone: "+12065550100", item: "Kettle" });
  await haveArrived(kindred, queue, 5);
  return { queue, key };
}
