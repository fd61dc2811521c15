import { CreateInstanceCommand, ConnectClient } from "@aws-sdk/client-connect";
import { GetProfileObjectTypeCommand, PutProfileObjectTypeCommand, SearchProfilesCommand } from "@aws-sdk/client-customer-profiles";
import { CreateDomainCommand } from "@aws-sdk/client-customer-profiles";
import type { Locator, Page } from "playwright-core";
import { describe, expect } from "vitest";
import { settled, test } from "./harness";
import type { Kindred } from "./kindred";
import { member, openShop, profiles } from "./shop";

const typesOf = (domain: string): string => `/console/domains/${domain}/object-types`;

/** A field of a form that has a label of its own. */
const field = (page: Page | Locator, label: string): Locator => page.getByLabel(label, { exact: true });

/** The rows of a table, as texts, by the table's name. */
async function rows(page: Page, name: string): Promise<string[][]> {
  const table = page.getByRole("table", { name });
  await table.waitFor();
  return table.locator("tbody tr").evaluateAll((list) => list.map((tr) => [...tr.querySelectorAll("th, td")].map((c) => (c as HTMLElement).innerText.replaceAll(/\s+/g, " ").trim())));
}

async function definitionOf(kindred: Kindred, domain: string, name: string) {
  return profiles(kindred).send(new GetProfileObjectTypeCommand({ DomainName: domain, ObjectTypeName: name }));
}

const emptyDomain = (kindred: Kindred, domain: string) => profiles(kindred).send(new CreateDomainCommand({ DomainName: domain, DefaultExpirationDays: 30 }));

describe("an object type", () => {
  test("is made of a sample record, tried before it is created, and used", async ({ kindred, visit }) => {
    await emptyDomain(kindred, "fresh");
    const visitor = await visit();
    const page = await visitor.signIn(typesOf("fresh"));
    await page.getByText("No object types").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("link", { name: "Create an object type" }).first().click();

    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("Paste a record: a JSON object, in braces").waitFor();
    await field(page, "Name").fill("_Member");
    await page.getByText("names that begin with _ are reserved for standard objects").waitFor();
    await field(page, "Name").fill("Member");
    await field(page, "Description").fill("Members of the shop");
    const sample = { id: 12345678901234, firstName: "Ada", lastName: "Lovelace", email: "ada@example.org", phone: "+1 206 555 0100", address: { city: "London", zip: "W1" }, tier: "gold" };
    await field(page, "Sample record").fill("{ no");
    await page.getByText("Not valid JSON: line 1, column 3").waitFor();
    await field(page, "Sample record").fill(JSON.stringify(sample));
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Next" }).click();

    await page.getByRole("heading", { name: "Look through Member" }).waitFor();
    expect(await field(page, "Target").evaluateAll((list) => list.map((i) => (i as HTMLInputElement).value))).toEqual([
      "_profile.Attributes.id",
      "_profile.FirstName",
      "_profile.LastName",
      "_profile.EmailAddress",
      "_profile.PhoneNumber",
      "_profile.Address.City",
      "_profile.Address.PostalCode",
      "_profile.Attributes.tier",
      "",
    ]);
    await visitor.checkAccessibility();
    await page.getByRole("tab", { name: "Try it" }).click();
    await page.getByText("It would make a new profile").waitFor();
    expect((await rows(page, "How the profile is found")).slice(0, 2)).toEqual([
      ["1", "memberId PROFILE, UNIQUE", "12345678901234", "No profile has this value", "Yes"],
      ["2", "_email PROFILE, SECONDARY", "ada@example.org", "No profile has this value", "Yes"],
    ]);

    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByText("The object type Member has been created.").first().waitFor();
    await page.getByRole("heading", { name: "Member", exact: true }).waitFor();
    const made = await definitionOf(kindred, "fresh", "Member");
    expect(made).toMatchObject({ Description: "Members of the shop", AllowProfileCreation: true, Keys: { memberId: [{ FieldNames: ["id"], StandardIdentifiers: ["PROFILE", "UNIQUE"] }] } });
  });

  test("is not made over one that there is", async ({ kindred, visit }) => {
    await openShop(kindred, "over");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("over")}/create`);
    await page.getByRole("radio", { name: /From nothing/ }).click();
    await field(page, "Name").fill("Member");
    await page.getByText("The domain has an object type with this name").waitFor();
  });

  test("is made of a template, whose fields can be made one's own", async ({ kindred, visit }) => {
    await emptyDomain(kindred, "templates");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("templates")}/create`);
    await page.getByRole("radio", { name: /From a template/ }).click();
    await page.getByRole("button", { name: /^Template/ }).click();
    await page.getByRole("option", { name: /Zendesk-users/ }).click();
    expect(await field(page, "Name").inputValue()).toBe("Zendesk-users");
    await field(page, "Description").fill("Users of Zendesk");
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("The fields and keys are those of the template Zendesk-users").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByText("The object type Zendesk-users has been created.").first().waitFor();
    expect((await definitionOf(kindred, "templates", "Zendesk-users")).TemplateId).toBe("Zendesk-users");

    await page.getByRole("button", { name: "Change fields and keys" }).click();
    await field(page, "Target").nth(1).fill("_profile.Attributes.external");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Zendesk-users has been saved").first().waitFor();
    const saved = await definitionOf(kindred, "templates", "Zendesk-users");
    expect(saved.TemplateId).toBeUndefined();
    expect(Object.values(saved.Fields ?? {}).map((f) => f.Target)).toContain("_profile.Attributes.external");
  });

  test("is deleted with its word", async ({ kindred, visit }) => {
    await openShop(kindred, "gone");
    const visitor = await visit();
    const page = await visitor.signIn(typesOf("gone"));
    await page.getByRole("radio", { name: "Select Ticket" }).click();
    await page.getByRole("button", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByRole("button", { name: "Delete" }).isDisabled()).toBe(true);
    await field(dialog, "To confirm, type Ticket").fill("Ticket");
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("The object type Ticket has been deleted").first().waitFor();
    expect((await rows(page, "Object types")).map((r) => r[1])).toEqual(["Member"]);
  });
});

describe("the editor", () => {
  test("keeps table and JSON in step, and says what is wrong as one types", async ({ kindred, visit }) => {
    await openShop(kindred, "shop");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("shop")}/Member`);
    const json = field(page, "JSON");
    const first = field(page, "Target").nth(2);
    expect(await first.inputValue()).toBe("_profile.FirstName");

    await first.fill("_profile.Nickname");
    await page.getByText("Target _profile.Nickname: _profile has no field Nickname").waitFor();
    expect(await json.inputValue()).toContain('"Target": "_profile.Nickname"');
    await field(page, "Source").nth(2).fill("{{#if _source.first}}x");
    await page.getByText("{{#if}} is not closed").waitFor();
    await visitor.checkAccessibility();

    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("2 things are to be mended before this can be saved").waitFor();
    await page.getByRole("button", { name: /^Field first: Target/ }).click();
    await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("first");

    // What is typed into the JSON is in the table.
    const text = await json.inputValue();
    await json.fill(text.replace("_profile.Nickname", "_profile.MiddleName").replace("{{#if _source.first}}x", "_source.middle"));
    expect(await first.inputValue()).toBe("_profile.MiddleName");
    await page.getByText("things are to be mended").waitFor({ state: "detached" });

    // While it is broken, the table rests.
    await json.fill("{");
    await page.getByText("The JSON is not right yet").waitFor();
    expect(await first.isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Take back" }).click();
    expect(await first.inputValue()).toBe("_profile.MiddleName");

    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Member has been saved").first().waitFor();
    expect((await definitionOf(kindred, "shop", "Member")).Fields?.first).toEqual({ Source: "_source.middle", Target: "_profile.MiddleName", ContentType: "NAME" });
    expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
  });

  test("suggests targets, and sources of the record that is tried", async ({ kindred, visit }) => {
    await openShop(kindred, "suggest");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("suggest")}/Member?tab=try`);
    await field(page, "Record").fill('{"id": "1", "loyalty": {"since": "2020-01-01"}}');
    await page.getByRole("tab", { name: "Fields and keys" }).click();
    await page.getByRole("button", { name: "Add a field" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).last().fill("since");
    await field(page, "Source").last().click();
    await page.getByRole("option", { name: /_source\.loyalty\.since/ }).click();
    await field(page, "Target").last().fill("since");
    await page.getByRole("option", { name: "_profile.Attributes.since" }).click();
    await visitor.checkAccessibility();
    expect(await field(page, "JSON").inputValue()).toContain('"since": {\n      "Source": "_source.loyalty.since",\n      "Target": "_profile.Attributes.since"\n    }');
    // By the keyboard alone.
    await page.getByRole("button", { name: "Add a key" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Remove the key (no name)" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Remove the field since" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
  });

  test("checks keys against those of other object types", async ({ kindred, visit }) => {
    await openShop(kindred, "keys");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("keys")}/Ticket`);
    const json = field(page, "JSON");
    await json.fill((await json.inputValue()).replace('"ticketNo"', '"memberId"').replace('"Source": "_source.no"', '"Source": "_source.no", "ContentType": "NUMBER"'));
    await page.getByText("its fields have the content types NUMBER, and other object types of the domain define the key with STRING").waitFor();
  });

  test("asks before one leaves, and before somebody else's change is lost", async ({ kindred, visit }) => {
    await openShop(kindred, "two");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("two")}/Member?tab=settings`);
    await field(page, "Description").fill("Mine");
    await page.getByRole("link", { name: "Object types" }).click();
    await page.getByText("What you changed on this page has not been saved.").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Stay" }).click();

    await profiles(kindred).send(new PutProfileObjectTypeCommand({ DomainName: "two", ...member, Description: "Theirs" }));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Somebody else has changed it").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Take theirs" }).click();
    expect(await field(page, "Description").inputValue()).toBe("Theirs");

    await field(page, "Description").fill("Mine again");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Member has been saved").first().waitFor();
    expect((await definitionOf(kindred, "two", "Member")).Description).toBe("Mine again");
    await page.getByRole("link", { name: "Object types" }).click();
    await page.getByRole("heading", { name: "Object types", level: 1 }).waitFor();
  });
});

describe("Try it", () => {
  test("tells which key finds whom, why the others do not, and what the profile would become", async ({ kindred, visit }) => {
    await openShop(kindred, "try");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("try")}/Member?tab=try`);
    await page.getByText("No record yet").waitFor();
    const record = field(page, "Record");
    await record.fill(JSON.stringify({ id: "M-9", first: "Ada", email: "ADA@example.org ", phone: "206-555-0100", tier: "gold" }));
    await page.getByText("It would join the profile Ada Lovelace").waitFor();
    expect(await rows(page, "How the profile is found")).toEqual([
      ["1", "memberId PROFILE, UNIQUE", "M-9", "No profile has this value", "Yes"],
      ["2", "_email PROFILE, SECONDARY", "ADA@example.org compared as ada@example.org", "Finds Ada Lovelace, and decides", "Yes"],
      ["–", "_phone for search only", "206-555-0100 compared as +12065550100", "Finds no profiles: it is not a PROFILE key", "Yes"],
    ]);
    expect(await rows(page, "What the profile would become")).toContainEqual(["Attributes.tier", "silver", "gold", "The record is newer"]);
    expect(await rows(page, "What is read of the record")).toContainEqual(["city _source.address.city", "–", "the record has no _source.address"]);
    await visitor.checkAccessibility();
    await page.getByText("Show all fields").click();
    expect(await rows(page, "What the profile would become")).toContainEqual(["Address.City", "London", "London", "–"]);

    // Two people have this address, so it decides nothing.
    await record.fill(JSON.stringify({ id: "M-10", email: "office@example.org" }));
    await page.getByText("It would make a new profile").waitFor();
    const [, ambiguous] = await rows(page, "How the profile is found");
    expect(ambiguous?.[3]).toMatch(/^Several profiles have it, so it is passed over: .*(Grace Hopper, Alan Turing|Alan Turing, Grace Hopper)$/);

    // The mapping is tried as it stands in the editor, saved or not.
    await page.getByRole("tab", { name: "Fields and keys" }).click();
    await field(page, "Target").nth(6).fill("_profile.Attributes.rank");
    await page.getByRole("tab", { name: "Try it" }).click();
    await record.fill(JSON.stringify({ id: "M-1", tier: "gold" }));
    await page.getByText("It would replace the object with the same identity, on the profile Ada Lovelace").waitFor();
    await expect.poll(() => rows(page, "What the profile would become")).toContainEqual(["Attributes.rank", "–", "gold", "There was no value"]);

    const found = await profiles(kindred).send(new SearchProfilesCommand({ DomainName: "try", KeyName: "memberId", Values: ["M-9", "M-10"] }));
    expect(found.Items).toEqual([]);
  });

  test("takes a dead letter or a stored record, and says why one fails", async ({ kindred, visit }) => {
    await openShop(kindred, "letters");
    const visitor = await visit();
    const page = await visitor.signIn(`${typesOf("letters")}/Ticket?tab=try`);
    await page.getByRole("button", { name: "Choose a dead letter" }).click();
    await page.getByText("No profile matches the keys of this object").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: /^Use the record/ }).click();
    await page.getByText("It would be refused").waitFor();
    await page.getByText("It would go to the domain's dead letter queue with this error.").waitFor();
    expect((await rows(page, "How the profile is found"))[0]?.slice(1)).toEqual(["_email PROFILE, LOOKUP_ONLY", "stranger@example.org", "No profile has this value", "No: LOOKUP_ONLY"]);
    await visitor.checkAccessibility();

    await page.goto(`${typesOf("letters")}/Member?tab=try`);
    await page.getByRole("button", { name: "Choose a stored one" }).click();
    const dialog = page.getByRole("dialog");
    await field(dialog, "Key").fill("_fullName");
    await field(dialog, "Value").fill("grace hopper");
    await page.keyboard.press("Enter");
    await dialog.getByText("Grace Hopper").waitFor();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: /^Use the record/ }).click();
    await page.getByText("It would replace the object with the same identity, on the profile Grace Hopper").waitFor();
    expect(await field(page, "Record").inputValue()).toContain('"id": "M-2"');
  });
});

describe("an upload", () => {
  const line = (n: number): string => JSON.stringify({ id: `U-${n}`, first: `Name ${n}`, email: `u${n}@example.org` });

  test("brings a file in, counts what is refused, and gives it back", async ({ kindred, visit }) => {
    await emptyDomain(kindred, "upload");
    await profiles(kindred).send(new PutProfileObjectTypeCommand({ DomainName: "upload", ...member }));
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/upload/upload");
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    expect(await page.getByText("Choose an object type").count()).toBeGreaterThan(1);
    await page.getByRole("button", { name: /^Object type/ }).click();
    await page.getByRole("option", { name: /^Member/ }).click();
    const lines = Array.from({ length: 205 }, (_, i) => line(i));
    lines[50] = '{"first": "nobody"}';
    lines[120] = "no JSON";
    await page.locator("input[type=file]").setInputFiles({ name: "members.jsonl", mimeType: "application/json", buffer: Buffer.from(lines.join("\n")) });
    await page.getByRole("region", { name: "First record" }).getByText('"id": "U-0"').waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    await page.getByText("The file has been uploaded; some records were refused").first().waitFor();
    const reasons = await rows(page, "Refused records");
    expect(reasons.map((r) => r.slice(1)).sort()).toEqual([
      ["1", "121"],
      ["1", "51"],
    ]);
    expect(reasons.map((r) => r[0]).join()).toContain("The UNIQUE key or PROFILE key does not exist in the profile object");
    await visitor.checkAccessibility();

    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download the records" }).click()]);
    expect(download.suggestedFilename()).toBe("members.refused.jsonl");
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString().trim().split("\n").sort()).toEqual(["no JSON", '{"first": "nobody"}']);

    const found = await profiles(kindred).send(new SearchProfilesCommand({ DomainName: "upload", KeyName: "memberId", Values: ["U-0", "U-204"] }));
    expect(found.Items).toHaveLength(2);

    // It is still told of when one comes back, until another one is wanted.
    await page.getByRole("link", { name: "Object types" }).click();
    await page.getByRole("heading", { name: "Object types", level: 1 }).waitFor();
    await page.getByRole("link", { name: "Upload", exact: true }).click();
    await page.getByRole("button", { name: "Upload another file" }).click();
    await page.getByRole("button", { name: "Choose a file" }).waitFor();
  });

  test("says what is wrong with a file before it begins", async ({ kindred, visit }) => {
    await openShop(kindred, "broken");
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/broken/upload?type=Member");
    await page.locator("input[type=file]").setInputFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from("id,first\n1,Ada") });
    await page.getByText("The file is neither JSON nor JSON lines.").waitFor();
  });

  test("waits for a permission that is missing, and goes on", async ({ kindred, visit }) => {
    await openShop(kindred, "rights");
    const statement = (...actions: string[]) => ({ Effect: "Allow", Action: actions, Resource: "*" });
    await kindred.newUser("uma", "correct horse battery staple 7", statement("profile:List*", "profile:Get*"));
    const visitor = await visit();
    visitor.expectRefusal(403, /batch-put-profile-object$/);
    const page = await visitor.signIn("/console/domains/rights/upload?type=Member", "uma");
    await page.locator("input[type=file]").setInputFiles({ name: "x.jsonl", mimeType: "application/json", buffer: Buffer.from(line(1)) });
    await page.getByRole("region", { name: "First record" }).waitFor();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    await page.getByText("You need the permission profile:BatchPutProfileObject.").waitFor();
    await visitor.checkAccessibility();
    await kindred.command(["iam", "policy", "put", "--user", "uma", "more", "-"], JSON.stringify({ Version: "2012-10-17", Statement: [statement("profile:BatchPutProfileObject", "profile:PutProfileObject")] }));
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText("The file has been uploaded", { exact: true }).first().waitFor();
  });
});

test("instances are connected and disconnected, and other ways in are told of", async ({ kindred, visit }) => {
  await openShop(kindred, "ways");
  const connect = new ConnectClient({ endpoint: kindred.url, region: "us-east-1", credentials: kindred.key });
  await connect.send(new CreateInstanceCommand({ IdentityManagementType: "CONNECT_MANAGED", InstanceAlias: "support", InboundCallsEnabled: true, OutboundCallsEnabled: true }));
  const visitor = await visit();
  const page = await visitor.signIn("/console/domains/ways/integrations");
  await page.getByText("No instance is connected").waitFor();
  await visitor.checkAccessibility();
  await page.getByRole("button", { name: "Connect an instance" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: /^Instance/ }).click();
  await page.getByRole("option", { name: "support" }).click();
  await dialog.getByRole("radio", { name: /CTR-NoInferred/ }).click();
  await visitor.checkAccessibility();
  await dialog.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText("The instance support is connected.").first().waitFor();
  await page.getByText("Taking in contacts").waitFor();
  expect((await rows(page, "Connect instances"))[0]?.slice(1, 4)).toEqual(["support", "Taking in contacts", "CTR-NoInferred"]);

  await page.getByRole("radio", { name: "Select support" }).click();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await dialog.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("support is disconnected.").first().waitFor();

  for (const way of ["Amazon Data Firehose", "Files, with kindred ingest", "The API", "Upload of a file"]) await page.getByRole("button", { name: way }).click();
  await page.getByText(`${kindred.url}/firehose/ways/Member`).waitFor();
  await visitor.checkAccessibility();
  await page.getByRole("link", { name: "Upload records" }).click();
  await page.getByRole("heading", { name: "Upload records" }).waitFor();
});

describe("for everyone", () => {
  test("in Portuguese and 768 pixels wide", async ({ kindred, visit }) => {
    await openShop(kindred, "loja");
    const visitor = await visit({ locale: "pt-BR", width: 768 });
    const page = await visitor.signIn(typesOf("loja"));
    for (const [path, heading] of [
      [typesOf("loja"), "Tipos de objeto"],
      [`${typesOf("loja")}/create`, "Criar um tipo de objeto"],
      [`${typesOf("loja")}/Member`, "Member"],
      [`${typesOf("loja")}/Member?tab=settings`, "Member"],
      ["/console/domains/loja/upload", "Enviar registros"],
      ["/console/domains/loja/integrations", "Integrações"],
    ] as const) {
      await page.goto(path);
      await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
      await visitor.checkWidth();
      await visitor.checkAccessibility();
    }
    await page.goto(`${typesOf("loja")}/Ticket?tab=try`);
    await field(page, "Registro").fill('{"no": "8", "email": "x@example.org"}');
    await page.getByText("Nenhum perfil corresponde às chaves deste objeto").waitFor();
    await page.getByText("o registro não tem _source.subject").waitFor();
    await visitor.checkWidth();
    await visitor.checkAccessibility();
  });

  test("who has no right sees which permission is missing", async ({ kindred, visit }) => {
    await openShop(kindred, "closed");
    await kindred.newUser("nina", "correct horse battery staple 7");
    const visitor = await visit();
    visitor.expectRefusal(403, /^\/(domains|templates|instance|)/);
    const page = await visitor.signIn(typesOf("closed"), "nina");
    await page.getByText("You need the permission profile:ListProfileObjectTypes.").waitFor();
    await page.goto(`${typesOf("closed")}/Member`);
    await page.getByText("You need the permission profile:GetProfileObjectType.").waitFor();
    await page.goto("/console/domains/closed/integrations");
    await page.getByText("You need the permission profile:ListIntegrations.").waitFor();
    await settled(page);
    await visitor.checkAccessibility();
  });

  test("what does not exist says so", async ({ visit }) => {
    const visitor = await visit();
    visitor.expectRefusal(404, /^\/domains\/none/);
    const page = await visitor.signIn(`${typesOf("none")}/Member`);
    await page.getByText("This does not exist, or no longer").waitFor();
  });
});
