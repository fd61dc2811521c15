import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { type Visitor, test } from "./harness";
import type { Kindred } from "./kindred";

/** Makes an instance by the console, and goes to its customer profiles. */
async function newInstance(visitor: Visitor, alias: string, user?: string): Promise<Page> {
  const page = await visitor.signIn("/console/instances", user);
  await page.getByRole("link", { name: "Create an instance" }).first().click();
  await page.getByLabel("Alias", { exact: true }).fill(alias);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await notice(page, `The instance ${alias} has been created.`);
  await page.getByRole("link", { name: "Customer profiles", exact: true }).click();
  await page.getByRole("heading", { name: "Customer profiles", level: 1 }).waitFor();
  return page;
}

const enable = (page: Page) => page.getByRole("link", { name: "Enable Customer Profiles" }).click();

/** What follows a click that opens a tab. */
async function opened(visitor: Visitor, page: Page, name: string): Promise<Page> {
  const [tab] = await Promise.all([visitor.context.waitForEvent("page"), page.getByRole("link", { name }).click()]);
  return tab;
}

/** In the new tab: goes through the steps of a key. */
async function createKey(tab: Page, alias: string): Promise<void> {
  await tab.getByRole("heading", { name: "Configure key" }).waitFor();
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByLabel("Alias", { exact: true }).fill(alias);
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByRole("heading", { name: "Define key administrators" }).waitFor();
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByRole("heading", { name: "Define key users" }).waitFor();
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByRole("heading", { name: "Review" }).waitFor();
  await tab.getByRole("button", { name: "Finish" }).click();
  await tab.getByText(`The key ${alias} has been created`).waitFor();
}

/** In the new tab: makes a queue, with the statement for Customer Profiles or without. */
async function createQueue(tab: Page, name: string, withStatement: boolean): Promise<void> {
  await tab.getByLabel("Name", { exact: true }).fill(name);
  if (withStatement) {
    await tab.getByRole("button", { name: "Add the statement for Customer Profiles" }).click();
    await tab.getByText("The policy lets Customer Profiles send for the domain").waitFor();
  }
  await tab.getByRole("button", { name: "Create the queue" }).click();
  await tab.getByText(`The queue ${name} has been created`).waitFor();
}

/** The policy of a queue, as the server has it. */
async function queuePolicy(kindred: Kindred, name: string): Promise<string> {
  const sqs = new SQSClient({ region: "us-east-1", endpoint: kindred.url, credentials: kindred.key });
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: `${kindred.url}/000000000000/${name}`, AttributeNames: ["Policy"] }));
  return Attributes?.Policy ?? "";
}

/** Waits for a notification; screen readers are told the same text elsewhere. */
const notice = (page: Page, text: string) => page.getByText(text).first().waitFor();

const value = (page: Page, label: string) => page.locator("dt", { hasText: label }).locator("xpath=following-sibling::dd[1]");

describe("enabling customer profiles", () => {
  test("from the list of instances to the finished page, with queue and key made in new tabs", async ({ kindred, visit }) => {
    const visitor = await visit();
    const page = await newInstance(visitor, "care");
    await page.getByText("Customer profiles are not enabled for this instance").waitFor();
    await page.getByText("Amazon Data Firehose").waitFor();
    await visitor.checkAccessibility();

    await enable(page);
    await page.getByRole("heading", { name: "Enable Customer Profiles", level: 1 }).waitFor();
    expect(await page.getByLabel("Friendly name").inputValue()).toBe("amazon-connect-care");
    await visitor.checkAccessibility();

    // Nothing is chosen yet.
    await page.getByRole("button", { name: "Submit" }).click();
    await page.getByText("Choose a queue, create one, or go without").waitFor();
    await page.getByText("Choose a key or create one").waitFor();

    await page.getByRole("radio", { name: "A new queue" }).click();
    const queueTab = await opened(visitor, page, "Create a queue");
    await queueTab.getByRole("heading", { name: "Create a queue" }).waitFor();
    await visitor.checkAccessibility(queueTab);
    await createQueue(queueTab, "care-dlq", true);
    await visitor.checkAccessibility(queueTab);
    await queueTab.close();
    await page.getByRole("button", { name: /Dead letter queue.*care-dlq|care-dlq/ }).waitFor();

    await page.getByRole("radio", { name: "A new key" }).click();
    const keyTab = await opened(visitor, page, "Create a KMS key");
    await createKey(keyTab, "care-profiles");
    await keyTab.close();
    await page.getByRole("button", { name: /care-profiles/ }).waitFor();
    await visitor.checkAccessibility();

    await page.getByRole("button", { name: "Submit" }).click();
    await notice(page, "Customer profiles are enabled for care with the domain amazon-connect-care.");
    await page.getByRole("heading", { name: "At a glance" }).waitFor();
    expect(await value(page, "Domain name").textContent()).toBe("amazon-connect-care");
    expect(await value(page, "Dead letter queue").textContent()).toBe("care-dlq");
    await expect.poll(() => value(page, "KMS key").textContent()).toContain("care-profiles");
    expect(await value(page, "Profiles expire after").textContent()).toBe("366 days");
    await page.getByRole("cell", { name: "CTR" }).waitFor();
    await page.getByRole("rowheader", { name: "Contacts of this instance" }).waitFor();
    await visitor.checkAccessibility();
    expect(await queuePolicy(kindred, "care-dlq")).toContain("domains/amazon-connect-care");
  });

  test("with a queue whose policy lacks the statement, which a button adds", async ({ kindred, visit }) => {
    const visitor = await visit();
    const page = await newInstance(visitor, "sales");
    await enable(page);
    await page.getByRole("radio", { name: "A new queue" }).click();
    const queueTab = await opened(visitor, page, "Create a queue");
    await createQueue(queueTab, "sales-dlq", false);
    await queueTab.close();
    await page.getByRole("radio", { name: "A new key" }).click();
    const keyTab = await opened(visitor, page, "Create a KMS key");
    await createKey(keyTab, "sales-profiles");
    await keyTab.close();
    await page.getByRole("button", { name: /sales-profiles/ }).waitFor();

    visitor.expectRefusal(400, /^\/domains\/amazon-connect-sales$/);
    await page.getByRole("button", { name: "Submit" }).click();
    await page.getByText("The queue's policy does not let Customer Profiles send to it").waitFor();
    await page.getByRole("region", { name: "Statement" }).getByText("arn:aws:profile:us-east-1:000000000000:domains/amazon-connect-sales").waitFor();
    await visitor.checkAccessibility();
    expect(await queuePolicy(kindred, "sales-dlq")).toBe("");
    await page.getByRole("button", { name: "Add the statement" }).click();
    await notice(page, "Customer profiles are enabled for sales");
    expect(await queuePolicy(kindred, "sales-dlq")).toContain("domains/amazon-connect-sales");
  });

  test("by somebody who may not make grants, with the key's policy mended", async ({ kindred, visit }) => {
    await kindred.newUser(
      "cleo",
      "correct horse battery staple 7",
      { Effect: "Allow", Action: ["connect:*", "profile:*", "sqs:*", "kms:*", "iam:List*"], Resource: "*" },
      { Effect: "Deny", Action: "kms:CreateGrant", Resource: "*" },
    );
    const visitor = await visit();
    const page = await newInstance(visitor, "legal", "cleo");
    await enable(page);
    await page.getByRole("radio", { name: "No dead letter queue" }).click();
    await page.getByRole("radio", { name: "A new key" }).click();
    const keyTab = await opened(visitor, page, "Create a KMS key");
    await createKey(keyTab, "legal-profiles");
    await keyTab.close();
    visitor.expectRefusal(400, /^\/domains\/amazon-connect-legal$/);
    await page.getByRole("button", { name: "Submit" }).click();
    await page.getByText("Customer Profiles may not use the key").waitFor();
    await page.getByRole("button", { name: "Add the statement" }).click();
    await notice(page, "Customer profiles are enabled for legal");
    await page.getByText("None: what cannot be ingested is an error for whoever sends it").waitFor();
  });
});

test("another domain is chosen later, with a warning that profiles do not move", async ({ visit }) => {
  const visitor = await visit();
  const page = await newInstance(visitor, "tools");
  await enable(page);
  await page.getByRole("radio", { name: "No dead letter queue" }).click();
  await page.getByRole("radio", { name: "A new key" }).click();
  const keyTab = await opened(visitor, page, "Create a KMS key");
  await createKey(keyTab, "tools-profiles");
  await keyTab.close();
  await page.getByRole("button", { name: "Submit" }).click();
  await notice(page, "Customer profiles are enabled for tools");

  await page.getByRole("link", { name: "Choose another domain" }).click();
  await page.getByText("Profiles do not move").waitFor();
  await visitor.checkAccessibility();
  await page.getByRole("radio", { name: "Create a new domain" }).click();
  await page.getByLabel("Friendly name").fill("tools-two");
  await page.getByRole("radio", { name: "No dead letter queue" }).click();
  await page.getByRole("radio", { name: "A key that there is" }).click();
  await page.getByRole("button", { name: /Choose a key/ }).click();
  await page.getByRole("option", { name: /tools-profiles/ }).click();
  await page.getByRole("button", { name: "Submit" }).click();
  await notice(page, "Customer profiles are enabled for tools with the domain tools-two.");

  // And back, to a domain that there is, as it is.
  await page.getByRole("link", { name: "Choose another domain" }).click();
  await page.getByRole("button", { name: /Choose a domain/ }).click();
  await page.getByRole("option", { name: "amazon-connect-tools" }).click();
  await page.getByText("As the domain has it: tools-profiles").waitFor();
  await page.getByRole("button", { name: "Submit" }).click();
  await notice(page, "Customer profiles are enabled for tools with the domain amazon-connect-tools.");
  expect(await value(page, "Domain name").textContent()).toBe("amazon-connect-tools");
});

test("a domain is renamed, and its queue's policy mended for the new name", async ({ kindred, visit }) => {
  const visitor = await visit();
  const page = await newInstance(visitor, "help");
  await enable(page);
  await page.getByRole("radio", { name: "A new queue" }).click();
  const queueTab = await opened(visitor, page, "Create a queue");
  await createQueue(queueTab, "help-dlq", true);
  await queueTab.close();
  await page.getByRole("radio", { name: "A new key" }).click();
  const keyTab = await opened(visitor, page, "Create a KMS key");
  await createKey(keyTab, "help-profiles");
  await keyTab.close();
  await page.getByRole("button", { name: "Submit" }).click();
  await notice(page, "Customer profiles are enabled for help");

  await page.getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("New name").fill("no spaces");
  await dialog.getByText("1 to 64 letters, digits, hyphens and underscores").first().waitFor();
  await dialog.getByLabel("New name").fill("help-desk");
  visitor.expectRefusal(400, /^\/domains\/amazon-connect-help\/rename$/);
  await dialog.getByRole("button", { name: "Rename" }).click();
  await dialog.getByText("The queue's policy does not let Customer Profiles send to it").waitFor();
  await visitor.checkAccessibility();
  await dialog.getByRole("button", { name: "Add the statement" }).click();
  await notice(page, "The domain is called help-desk now.");
  await expect.poll(() => value(page, "Domain name").textContent()).toBe("help-desk");
  const policy = await queuePolicy(kindred, "help-dlq");
  expect(policy).toContain("domains/help-desk");
  expect(policy).toContain("domains/amazon-connect-help");
});

test("the pages fit a window of 768 pixels, in both languages", async ({ visit }) => {
  for (const locale of ["en-US", "pt-BR"]) {
    const visitor = await visit({ width: 768, locale });
    const page = await visitor.signIn();
    await visitor.checkWidth();
    await page.getByRole("link", { name: /Create an instance|Criar uma instância/ }).first().click();
    await page.getByLabel("Alias", { exact: true }).fill(`narrow-${locale}`);
    await visitor.checkWidth();
    await page.getByRole("button", { name: /^(Create|Criar)$/ }).click();
    await page.getByText(new RegExp(`narrow-${locale} (has been created|foi criada)`)).first().waitFor();
    await visitor.checkWidth();
    const path = new URL(page.url()).pathname;
    for (const [to, title] of [
      [`${path}/customer-profiles`, /Customer profiles|Perfis de clientes/],
      [`${path}/customer-profiles/enable`, /Enable Customer Profiles|Ativar Customer Profiles/],
      ["/console/queues/create?domain=d", /Create a queue|Criar uma fila/],
      ["/console/keys/create?domain=d", /Configure key|Configurar chave/],
    ] as const) {
      await page.goto(to);
      await page.getByRole("heading", { name: title }).first().waitFor();
      await visitor.checkWidth();
      await visitor.checkAccessibility();
    }
  }
});
