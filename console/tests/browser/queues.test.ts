import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { test } from "./harness";
import type { Kindred } from "./kindred";
import { haveArrived, messagesIn, newDomain, newQueue, newShop, queueArn, queueUrl, sqsOf } from "./seed";

const notice = (page: Page, text: string) => page.getByText(text).first().waitFor();
const rows = (page: Page, table: string) => page.getByRole("table", { name: table }).locator("tbody tr");
const value = (page: Page, label: string) => page.locator("dt", { hasText: label }).locator("xpath=following-sibling::dd[1]");

/** An attribute of a queue, as the server has it. */
async function attribute(kindred: Kindred, queue: string, name: "Policy" | "RedrivePolicy" | "VisibilityTimeout" | "MessageRetentionPeriod"): Promise<string | undefined> {
  const { Attributes } = await sqsOf(kindred).send(new GetQueueAttributesCommand({ QueueUrl: queueUrl(kindred, queue), AttributeNames: [name] }));
  return Attributes?.[name];
}

const send = (kindred: Kindred, queue: string, body: string) => sqsOf(kindred).send(new SendMessageCommand({ QueueUrl: queueUrl(kindred, queue), MessageBody: body }));

describe("queues", () => {
  test("the list: empty at first, then with what each queue holds, filtered and sorted", async ({ kindred, visit }) => {
    const visitor = await visit();
    const page = await visitor.signIn("/console/queues");
    await page.getByText("No queues").waitFor();
    await visitor.checkAccessibility();
    expect(await page.getByRole("link", { name: "Create a queue" }).count()).toBe(2);

    for (const name of ["b-queue", "a-queue", "c-queue"]) await newQueue(kindred, name);
    await send(kindred, "c-queue", "one");
    await page.getByRole("button", { name: "Refresh" }).click();
    await expect.poll(() => rows(page, "Queues").count()).toBe(3);
    expect(await rows(page, "Queues").nth(2).textContent()).toContain("14 days");
    await page.getByRole("columnheader", { name: "Available" }).getByRole("button").press("Enter");
    await page.getByRole("columnheader", { name: "Available" }).getByRole("button").press("Enter");
    await expect.poll(() => rows(page, "Queues").first().textContent()).toContain("c-queue1");
    await page.getByRole("combobox", { name: "Filter" }).fill("a-q");
    await page.keyboard.press("Enter");
    await expect.poll(() => rows(page, "Queues").count()).toBe(1);
    await visitor.checkAccessibility();
    await page.getByRole("link", { name: "a-queue" }).click();
    await page.getByRole("heading", { name: "a-queue", level: 1 }).waitFor();
    await page.getByRole("link", { name: "Queues", exact: true }).first().click();
    await page.getByRole("heading", { name: "Queues", level: 1 }).waitFor();
  });

  test("messages: sent, received, looked at, given back and deleted", async ({ kindred, visit }) => {
    await newQueue(kindred, "post");
    const visitor = await visit();
    const page = await visitor.signIn("/console/queues/post");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText("A message has a body").waitFor();
    await page.getByLabel("Body").fill('{"order": 7}');
    await page.getByRole("button", { name: "Attributes (0)" }).click();
    await page.getByRole("button", { name: "Add an attribute" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("aws.x");
    await page.getByText("1 to 256 letters, digits, hyphens, underscores and dots, each name once").waitFor();
    await page.getByRole("textbox", { name: "Name" }).fill("Kind");
    await page.getByRole("textbox", { name: "Value" }).fill("order");
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await notice(page, "The message has been sent.");
    await send(kindred, "post", "second");
    await expect.poll(() => value(page, "Messages available").textContent()).toBe("1");
    await page.getByRole("button", { name: "Refresh" }).first().click();
    await expect.poll(() => value(page, "Messages available").textContent()).toBe("2");

    await page.getByRole("button", { name: "Receive", exact: true }).click();
    await expect.poll(() => rows(page, "Received").count()).toBe(2);
    await expect.poll(() => value(page, "Messages in flight").textContent()).toBe("2");
    await visitor.checkAccessibility();
    await rows(page, "Received").filter({ hasText: "order" }).getByRole("button").first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("region", { name: "Body" }).getByText('"order": 7').waitFor();
    await dialog.getByText("Kind (String)").waitFor();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Close", exact: true }).last().click();

    await rows(page, "Received").filter({ hasText: "second" }).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Delete selected" }).click();
    await dialog.getByRole("heading", { name: "Delete 1 message" }).waitFor();
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await notice(page, "1 message has been deleted.");
    expect(await messagesIn(kindred, "post")).toBe(1);
    await page.getByRole("button", { name: "Give back" }).click();
    await notice(page, "1 message can be received again.");
    await expect.poll(() => value(page, "Messages available").textContent()).toBe("1");
    await page.getByText("No messages received").waitFor();
  });

  test("settings and policy", async ({ kindred, visit }) => {
    await newQueue(kindred, "tuned");
    await newQueue(kindred, "tuned-failed");
    await newDomain(kindred, "tuned-domain");
    const visitor = await visit();
    const page = await visitor.signIn("/console/queues/tuned");
    await page.getByRole("button", { name: "Edit" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("spinbutton", { name: "Visibility timeout" }).fill("-1");
    await dialog.getByLabel("Largest message (bytes)").fill("12");
    expect(await dialog.getByText("0 seconds to 12 hours").count()).toBeGreaterThan(0);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("spinbutton", { name: "Visibility timeout" }).fill("90");
    await dialog.getByLabel("Largest message (bytes)").fill("2048");
    await dialog.getByRole("checkbox", { name: "Move messages that are received too often to another queue" }).check();
    await dialog.getByRole("button", { name: /Choose a queue/ }).click();
    await page.getByRole("option", { name: "tuned-failed" }).click();
    await dialog.getByLabel("Receives before").fill("3");
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Save" }).click();
    await notice(page, "The queue tuned has been changed.");
    expect(await value(page, "Visibility timeout").textContent()).toBe("90 seconds");
    expect(await value(page, "Dead letter queue").textContent()).toBe("tuned-failed, after 3 receives");
    expect(await attribute(kindred, "tuned", "VisibilityTimeout")).toBe("90");
    expect(await attribute(kindred, "tuned", "MessageRetentionPeriod")).toBe("1209600");

    await page.getByRole("tab", { name: "Access policy" }).click();
    const policy = page.getByRole("textbox", { name: "Policy" });
    await policy.fill("[]");
    await page.getByText("The policy has to be a JSON object").waitFor();
    await policy.fill('{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}');
    visitor.expectRefusal(400, /^\/$/);
    await page.getByRole("button", { name: "Save the policy" }).click();
    await page.getByText("The server refused this").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Undo changes" }).click();
    expect(await policy.inputValue()).toBe("");

    await page.getByRole("button", { name: "Add the statement for Customer Profiles" }).click();
    await page.getByRole("button", { name: /Choose a domain/ }).click();
    await page.getByRole("option", { name: "tuned-domain" }).click();
    await page.getByRole("button", { name: "Add the statement", exact: true }).click();
    await expect.poll(() => policy.inputValue()).toContain("domains/tuned-domain");
    await page.getByRole("button", { name: "Save the policy" }).click();
    await notice(page, "The policy has been saved.");
    expect(await attribute(kindred, "tuned", "Policy")).toContain("domains/tuned-domain");
  });

  test("messages moved out of a dead letter queue", async ({ kindred, visit }) => {
    await newQueue(kindred, "failed");
    await newQueue(kindred, "elsewhere");
    await sqsOf(kindred).send(
      new CreateQueueCommand({ QueueName: "work", Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn("failed"), maxReceiveCount: 3 }) } }),
    );
    for (const body of ["1", "2", "3"]) await send(kindred, "failed", body);
    const visitor = await visit();
    const page = await visitor.signIn("/console/queues/failed?tab=move");
    await page.getByText("No move tasks yet").waitFor();
    await page.getByRole("link", { name: "work", exact: true }).waitFor();
    await page.getByRole("radio", { name: "One queue" }).click();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("Choose a queue", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: /Choose a queue/ }).click();
    await page.getByRole("option", { name: "elsewhere" }).click();
    await page.getByLabel("Messages per second").fill("501");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    expect(await rows(page, "Move tasks").getByText("Running").count()).toBe(0);
    await page.getByLabel("Messages per second").fill("100");
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await notice(page, "Messages are being moved.");
    await rows(page, "Move tasks").getByText("Completed").waitFor();
    await rows(page, "Move tasks").getByText("3 of 3").waitFor();
    await haveArrived(kindred, "elsewhere", 3);
    await expect.poll(() => value(page, "Messages available").textContent()).toBe("0");
    await visitor.checkAccessibility();

    // Of messages that nobody moved there the server does not know where they came from.
    await send(kindred, "failed", "4");
    await page.getByRole("radio", { name: "The queues that they came from" }).click();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await rows(page, "Move tasks").getByText("Messages were put into the queue directly").waitFor();

    await page.goto("/console/queues/elsewhere?tab=move");
    await page.getByText("No queue sends messages here").waitFor();
    await visitor.checkAccessibility();
  });

  test("purged and deleted, with a warning for the domain whose letters are in it", async ({ kindred, visit }) => {
    const { queue } = await newShop(kindred, "mill");
    const visitor = await visit();
    const page = await visitor.signIn(`/console/queues/${queue}`);
    await page.getByRole("link", { name: "mill", exact: true }).waitFor();
    await page.getByRole("button", { name: "Purge" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("They include dead letters of 1 domain: mill.").waitFor();
    await visitor.checkAccessibility();
    await dialog.getByLabel("To confirm, type purge").fill("purge");
    await dialog.getByRole("button", { name: "Purge" }).click();
    await notice(page, `The queue ${queue} is empty.`);
    await expect.poll(() => value(page, "Messages available").textContent()).toBe("0");

    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await dialog.getByText("1 domain sends its dead letters here: mill.").waitFor();
    await dialog.getByLabel("To confirm, type delete").fill("delete");
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await notice(page, `The queue ${queue} has been deleted.`);
    await page.getByRole("heading", { name: "Queues", level: 1 }).waitFor();
    await expect.poll(() => page.getByRole("link", { name: queue }).count()).toBe(0);

    visitor.expectRefusal(400, /^\/$/);
    await page.goto(`/console/queues/${queue}`);
    await page.getByText("This does not exist, or no longer").waitFor();
    await visitor.checkAccessibility();
    await page.goto("/console/domains/mill/dead-letters");
    await page.getByText("The queue could not be looked into").waitFor();
    await visitor.checkAccessibility();
  });

  test("say which permission is missing", async ({ kindred, visit }) => {
    await newQueue(kindred, "secret");
    await kindred.newUser("lister", "correct horse battery staple 7", { Effect: "Allow", Action: ["sqs:ListQueues", "sqs:GetQueueUrl"], Resource: "*" });
    const visitor = await visit();
    visitor.expectRefusal(403, /^\//);
    visitor.expectRefusal(400, /^\/$/);
    const page = await visitor.signIn("/console/queues", "lister");
    await rows(page, "Queues").filter({ hasText: "secret" }).getByText("(not for you to see)").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("link", { name: "secret" }).click();
    await page.getByText("You need the permission sqs:GetQueueAttributes").waitFor();
    await visitor.checkAccessibility();
  });

  test("in Portuguese, in a window of 768 pixels", async ({ kindred, visit }) => {
    await newQueue(kindred, "fila");
    const visitor = await visit({ locale: "pt-BR", width: 768 });
    const page = await visitor.signIn("/console/queues");
    await page.getByRole("heading", { name: "Filas", level: 1 }).waitFor();
    await visitor.checkWidth();
    await visitor.checkAccessibility();
    await page.getByRole("link", { name: "fila", exact: true }).click();
    for (const [tab, text] of [
      ["Enviar e receber", "Enviar uma mensagem"],
      ["Política de acesso", "Salvar a política"],
      ["Mover mensagens", "Nenhuma fila envia mensagens para cá"],
    ] as const) {
      await page.getByRole("tab", { name: tab }).click();
      await page.getByText(text).first().waitFor();
      await visitor.checkWidth();
      await visitor.checkAccessibility();
    }
    expect(await value(page, "Retenção das mensagens").textContent()).toBe("14 dias");
  });
});
