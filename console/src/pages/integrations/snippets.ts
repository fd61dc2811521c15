/** What is copied to connect a source: addresses, commands, policies. */

/** What a snippet is for. */
export interface Destination {
  origin: string;
  region: string;
  domain: string;
  domainArn: string;
  objectType: string;
}

/** A word of a command line, in quotes if the shell would take it apart. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

export const firehoseAddress = ({ origin, domain, objectType }: Destination): string => `${origin}/firehose/${encodeURIComponent(domain)}/${encodeURIComponent(objectType)}`;

export const firehosePolicy = ({ domainArn }: Destination): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "profile:PutProfileObject", Resource: [domainArn, `${domainArn}/*`] }] }, null, 2);

export const environment = ({ origin, region }: Destination): string => `export AWS_ENDPOINT_URL=${origin}\nexport AWS_REGION=${region}\nexport AWS_ACCESS_KEY_ID=…\nexport AWS_SECRET_ACCESS_KEY=…`;

export const ingestCommand = ({ origin, domain, objectType }: Destination): string =>
  `kindred ingest --endpoint ${shellWord(origin)} \\\n  --domain ${shellWord(domain)} --object-type ${shellWord(objectType)} \\\n  records.jsonl.gz`;

export const contactsCommand = ({ origin, domain }: Destination): string => `kindred contacts import --endpoint ${shellWord(origin)} \\\n  --domain ${shellWord(domain)} contact-records.json`;

export const putCommand = ({ origin, domain, objectType }: Destination): string =>
  `aws customer-profiles put-profile-object --endpoint-url ${shellWord(origin)} \\\n  --domain-name ${shellWord(domain)} --object-type-name ${shellWord(objectType)} \\\n  --object file://record.json`;
