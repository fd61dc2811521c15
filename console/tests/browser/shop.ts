import {
  CreateDomainCommand,
  CreateProfileCommand,
  CustomerProfilesClient,
  PutProfileObjectCommand,
  PutProfileObjectTypeCommand,
  type PutProfileObjectTypeCommandInput,
} from "@aws-sdk/client-customer-profiles";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Kindred } from "./kindred";

const region = "us-east-1";
const account = "000000000000";

/** Customer Profiles of a server, for its administrator. */
export const profiles = (kindred: Kindred): CustomerProfilesClient => new CustomerProfilesClient({ endpoint: kindred.url, region, credentials: kindred.key });

/** Members of a shop, who are found by their e-mail address after all else. */
export const member: Omit<PutProfileObjectTypeCommandInput, "DomainName"> = {
  ObjectTypeName: "Member",
  Description: "Members of the shop",
  AllowProfileCreation: true,
  Fields: {
    id: { Source: "_source.id", Target: "_profile.Attributes.memberId" },
    first: { Source: "_source.first", Target: "_profile.FirstName", ContentType: "NAME" },
    last: { Source: "_source.last", Target: "_profile.LastName", ContentType: "NAME" },
    email: { Source: "_source.email", Target: "_profile.EmailAddress", ContentType: "EMAIL_ADDRESS" },
    phone: { Source: "_source.phone", Target: "_profile.PhoneNumber", ContentType: "PHONE_NUMBER" },
    city: { Source: "_source.address.city", Target: "_profile.Address.City" },
    tier: { Source: "_source.tier", Target: "_profile.Attributes.tier" },
  },
  Keys: {
    memberId: [{ StandardIdentifiers: ["PROFILE", "UNIQUE"], FieldNames: ["id"] }],
    _email: [{ StandardIdentifiers: ["PROFILE", "SECONDARY"], FieldNames: ["email"] }],
    _phone: [{ FieldNames: ["phone"] }],
  },
};

/** Tickets of members, which make no profiles. */
export const ticket: Omit<PutProfileObjectTypeCommandInput, "DomainName"> = {
  ObjectTypeName: "Ticket",
  Description: "Tickets of members; they make no profiles",
  Fields: {
    no: { Source: "_source.no" },
    email: { Source: "_source.email", ContentType: "EMAIL_ADDRESS" },
    subject: { Source: "_source.subject", Target: "_case.Title" },
  },
  Keys: {
    ticketNo: [{ StandardIdentifiers: ["CASE", "UNIQUE"], FieldNames: ["no"] }],
    _email: [{ StandardIdentifiers: ["PROFILE", "LOOKUP_ONLY"], FieldNames: ["email"] }],
  },
};

/**
 * Makes the domain of a shop: members and tickets, three people of whom two share an
 * e-mail address, and a ticket of a stranger in the dead letter queue.
 */
export async function openShop(kindred: Kindred, domain: string): Promise<void> {
  const queue = `${domain}-dead-letters`;
  const sqs = new SQSClient({ endpoint: kindred.url, region, credentials: kindred.key, useQueueUrlAsEndpoint: false });
  const statement = {
    Effect: "Allow",
    Principal: { Service: "profile.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: `arn:aws:sqs:${region}:${account}:${queue}`,
    Condition: { StringEquals: { "aws:SourceAccount": account, "aws:SourceArn": `arn:aws:profile:${region}:${account}:domains/${domain}` } },
  };
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: queue, Attributes: { Policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) } }));
  const client = profiles(kindred);
  await client.send(new CreateDomainCommand({ DomainName: domain, DefaultExpirationDays: 366, DeadLetterQueueUrl: QueueUrl }));
  for (const type of [member, ticket]) await client.send(new PutProfileObjectTypeCommand({ DomainName: domain, ...type }));
  const put = (type: string, record: object) => client.send(new PutProfileObjectCommand({ DomainName: domain, ObjectTypeName: type, Object: JSON.stringify(record) }));
  await put("Member", { id: "M-1", first: "Ada", last: "Lovelace", email: "ada@example.org", phone: "+1 206 555 0100", address: { city: "London" }, tier: "silver" });
  await put("Member", { id: "M-2", first: "Grace", last: "Hopper", email: "office@example.org", phone: "+1 206 555 0101", tier: "gold" });
  await client.send(new CreateProfileCommand({ DomainName: domain, FirstName: "Alan", LastName: "Turing", EmailAddress: "office@example.org" }));
  await put("Ticket", { no: "7", email: "stranger@example.org", subject: "Late parcel" });
}
