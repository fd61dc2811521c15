import { SearchProfilesCommand } from "@aws-sdk/client-customer-profiles";
import { DisableKeyCommand } from "@aws-sdk/client-kms";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { test } from "./harness";
import type { Kindred } from "./kindred";
import { haveArrived, kmsOf, messagesIn, newDomain, newProfile, newQueue, newShop, profileOf, putObjects } from "./seed";

const noMatch = "No profile matches the keys of this object and its object type does not allow profile creation";

/** Waits for a notification; screen readers are told the same text elsewhere. */
const notice = (page: Page, text: string) => page.getByText(text).first().waitFor();

/** The rows of a table. */
const rows = (page: Page, table: string) => page.getByRole("table", { name: table }).locator("tbody tr");

/** The last ticket that the profile with an e-mail address has. */
async function lastTicket(kindred: Kindred, domain: string, email: string): Promise<string | undefined> {
  const { Items = [] } = await profileOf(kindred).send(new SearchProfilesCommand({ DomainName: domain, KeyName: "_email", Values: [email] }));
  return Items[0]?.Attributes?.lastTicket;
}

describe("dead letters", () => {
  test("by error, with a dry run that changes nothing", async ({ kindred, visit }) => {
    const { queue } = await newShop(kindred, "north");
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/north/dead-letters");
    await rows(page, "By error").first().waitFor();
    expect(await rows(page, "By error").count()).toBe(2);
    expect(await rows(page, "By error").first().textContent()).toContain("4TicketNo profile matches");
    expect(await rows(page, "Letters").count()).toBe(5);
    await visitor.checkAccessibility();

    // Nobody is known yet.
    await page.getByRole("button", { name: `Send again: Ticket, ${noMatch}` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("heading", { name: "Send 4 letters again" }).waitFor();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Dry run" }).click();
    await dialog.getByText("0 letters would be ingested").waitFor();
    await dialog.getByText("4 would fail.").waitFor();
    await dialog.getByText("Nothing has been changed.").waitFor();
    await visitor.checkAccessibility();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await haveArrived(kindred, queue, 5);
  });

  test("of one error: what to do about them, and all of them sent again", async ({ kindred, visit }) => {
    const { queue } = await newShop(kindred, "harbour");
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/harbour/dead-letters");
    const dialog = page.getByRole("dialog");
    await rows(page, "By error").first().getByRole("link", { name: noMatch }).click();
    await page.getByRole("heading", { name: "No profile matches", level: 1 }).waitFor();
    await page.getByText("Create the profile first, or let the object type create profiles.").waitFor();
    await page.getByRole("link", { name: "Open the mapping of Ticket" }).click();
    await page.getByRole("heading", { name: "Ticket", level: 1 }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "No profile matches", level: 1 }).waitFor();
    expect(await rows(page, "Letters with this error").count()).toBe(4);
    await visitor.checkAccessibility();
    await newProfile(kindred, "harbour", { FirstName: "Grace", EmailAddress: "grace@example.org" });
    await newProfile(kindred, "harbour", { FirstName: "Alan", EmailAddress: "alan@example.org" });

    await page.getByRole("button", { name: "Send all again" }).click();
    await dialog.getByRole("button", { name: "Dry run" }).click();
    await dialog.getByText("2 letters would be ingested").waitFor();
    expect(await lastTicket(kindred, "harbour", "grace@example.org")).toBeUndefined();
    await dialog.getByRole("button", { name: "Send again" }).click();
    await dialog.getByText("2 letters have been ingested").waitFor();
    await dialog.getByText("2 failed again and stay in the queue.").waitFor();
    await visitor.checkAccessibility();
    // What is done is not offered again, and the keyboard is at what is left.
    expect(await dialog.getByRole("button", { name: "Send again" }).count()).toBe(0);
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    await expect.poll(() => rows(page, "Letters with this error").count()).toBe(2);
    expect(await lastTicket(kindred, "harbour", "grace@example.org")).toBe("Parcel is late");
    await haveArrived(kindred, queue, 3);

    await page.getByRole("link", { name: "All dead letters" }).click();
    await expect.poll(() => rows(page, "Letters").count()).toBe(3);
  });

  test("one by one: the record, a preview, edited and sent again", async ({ kindred, visit }) => {
    const { queue } = await newShop(kindred, "east");
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/east/dead-letters");
    await rows(page, "Letters").first().getByRole("link").click();
    await page.getByRole("heading", { name: "Dead letter of Ticket", level: 1 }).waitFor();
    const record = page.getByRole("textbox", { name: "Record" });
    expect(JSON.parse(await record.inputValue())).toEqual({ no: "T-1", email: "grace@example.org", subject: "Parcel is late" });
    await page.getByText("Create the profile first").first().waitFor();

    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("It would be refused").waitFor();
    await page.getByRole("table", { name: "How the profile is found" }).getByRole("cell", { name: "grace@example.org" }).waitFor();
    await visitor.checkAccessibility();

    // What is no JSON is told, and so is a record that fails as well.
    await record.fill('{"no": "T-1", "email": }');
    await page.getByText("Not valid JSON: line 1, column 24").waitFor();
    await record.fill('{"no": "T-1", "email": "nobody@example.org"}');
    await page.getByText("Edited", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Send edited record" }).click();
    await page.getByText("The record cannot be ingested").waitFor();
    await page.getByText("The letter stays as it was; your changes are only on this page.").waitFor();
    await visitor.checkAccessibility();
    await haveArrived(kindred, queue, 5);

    // What was edited is not lost by a wrong click, and the mapping is one click away.
    await page.getByRole("link", { name: "Open the mapping of Ticket" }).click();
    await page.getByText("What you changed on this page has not been saved.").waitFor();
    await page.getByRole("button", { name: "Stay" }).click();
    await record.fill('{"no": "T-1", "email": "ada@example.org", "subject": "Parcel is late"}');
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("It would join the profile Ada Lovelace").waitFor();
    await page.getByRole("table", { name: "What the profile would become" }).getByRole("cell", { name: "Parcel is late" }).waitFor();
    await visitor.checkAccessibility();
    expect(await lastTicket(kindred, "east", "ada@example.org")).toBeUndefined();
    await page.getByRole("button", { name: "Send edited record" }).click();
    await notice(page, "The record has been ingested, and the letter is gone.");
    await page.getByRole("heading", { name: "Dead letters", level: 1 }).waitFor();
    await expect.poll(() => rows(page, "Letters").count()).toBe(4);
    expect(await lastTicket(kindred, "east", "ada@example.org")).toBe("Parcel is late");
    await haveArrived(kindred, queue, 4);

    // Its page says that it is gone; another one is found by its address.
    const [other] = await Promise.all([rows(page, "Letters").nth(1).getByRole("link").getAttribute("href"), page.goBack()]);
    await page.getByText("This letter is not in the queue any more").waitFor();
    await visitor.checkAccessibility();
    await page.goto(other ?? "");
    // Which it is depends on the order in which the queue has taken them, at one moment.
    await expect.poll(() => record.inputValue()).toMatch(/"no": "(T-[234]|O-1)"/);
  });

  test("some of them: sent again, and discarded for good", async ({ kindred, visit }) => {
    const { queue } = await newShop(kindred, "south");
    await newProfile(kindred, "south", { FirstName: "Grace", EmailAddress: "grace@example.org" });
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/south/dead-letters");
    const check = (n: number) => rows(page, "Letters").nth(n).getByRole("checkbox").check();
    await check(0);
    await check(1);
    await page.getByRole("button", { name: "Send selected again" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("heading", { name: "Send 2 letters again" }).waitFor();
    await dialog.getByRole("button", { name: "Send again" }).click();
    await dialog.getByText("1 letter has been ingested").waitFor();
    await dialog.getByText("1 failed again and stays in the queue.").waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await expect.poll(() => rows(page, "Letters").count()).toBe(4);

    await rows(page, "Letters").last().getByRole("checkbox").check();
    await page.getByRole("button", { name: "Discard" }).click();
    await dialog.getByText("they will never be ingested", { exact: false }).waitFor();
    await visitor.checkAccessibility();
    const discard = dialog.getByRole("button", { name: "Discard" });
    expect(await discard.isDisabled()).toBe(true);
    await dialog.getByLabel("To confirm, type discard").fill("discard");
    await discard.click();
    await notice(page, "have been discarded.");
    await expect.poll(() => messagesIn(kindred, queue)).toBeLessThan(4);
  });

  test("whose key is disabled lead to the key", async ({ kindred, visit }) => {
    const { queue, key } = await newShop(kindred, "west");
    await kmsOf(kindred).send(new DisableKeyCommand({ KeyId: key.id }));
    // It is out of use within ten seconds.
    await expect
      .poll(
        async () => {
          await putObjects(kindred, "west", "Ticket", { no: "K-1", email: "ada@example.org", subject: "x" });
          return messagesIn(kindred, queue);
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBeGreaterThan(5);
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/west/dead-letters");
    await page.getByRole("link", { name: "KMS key is invalid" }).click();
    await page.getByText("Enable the key or cancel its deletion").waitFor();
    await page.getByRole("link", { name: "west-profiles" }).click();
    await page.getByText("This key is disabled").waitFor();
    await page.getByRole("button", { name: "Enable" }).click();
    await notice(page, "The key west-profiles is enabled.");
  });

  test("of a domain without a queue: one is chosen, and its policy mended", async ({ kindred, visit }) => {
    await newDomain(kindred, "bare");
    await newQueue(kindred, "bare-dlq");
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains/bare/dead-letters");
    await page.getByText("This domain has no dead letter queue").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Choose a queue" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /Choose a queue/ }).click();
    await page.getByRole("option", { name: "bare-dlq" }).click();
    visitor.expectRefusal(400, /^\/domains\/bare$/);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("The queue's policy does not let Customer Profiles send to it").waitFor();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Add the statement" }).click();
    await notice(page, "Records that cannot be ingested go to the queue bare-dlq from now on.");
    await page.getByText("No dead letters").waitFor();
    await page.getByText("Everything that was sent to this domain has been ingested.").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("link", { name: "bare-dlq" }).click();
    await page.getByRole("heading", { name: "bare-dlq", level: 1 }).waitFor();
  });

  test("say which permission is missing", async ({ kindred, visit }) => {
    await newDomain(kindred, "closed");
    await kindred.newUser("mute", "correct horse battery staple 7", { Effect: "Allow", Action: ["connect:ListInstances"], Resource: "*" });
    const visitor = await visit();
    visitor.expectRefusal(403, /^\//);
    const page = await visitor.signIn("/console/domains/closed/dead-letters", "mute");
    await page.getByText("You need the permission kindred:ListDeadLetters").waitFor();
    await visitor.checkAccessibility();
  });

  test("in Portuguese, in a window of 768 pixels", async ({ kindred, visit }) => {
    await newShop(kindred, "sul");
    const visitor = await visit({ locale: "pt-BR", width: 768 });
    const page = await visitor.signIn("/console/domains/sul/dead-letters");
    await page.getByRole("heading", { name: "Mensagens mortas", level: 1 }).waitFor();
    await visitor.checkWidth();
    await visitor.checkAccessibility();
    await rows(page, "Por erro").first().getByRole("link").click();
    await page.getByText("Crie o perfil antes, ou permita que o tipo de objeto crie perfis.").waitFor();
    await visitor.checkWidth();
    await rows(page, "Mensagens com este erro").first().getByRole("link").click();
    await page.getByRole("button", { name: "Prévia" }).click();
    await page.getByText("Seria recusado").waitFor();
    await visitor.checkWidth();
    await visitor.checkAccessibility();
  });
});
