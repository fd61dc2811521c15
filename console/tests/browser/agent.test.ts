import { CreateProfileCommand, PutIntegrationCommand, PutProfileObjectCommand, PutProfileObjectTypeCommand, SearchProfilesCommand } from "@aws-sdk/client-customer-profiles";
import { ConnectClient, CreateContactCommand, CreateInstanceCommand } from "@aws-sdk/client-connect";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { describe, expect, inject } from "vitest";
import { test, Visitor } from "./harness";
import { Kindred } from "./kindred";
import { openShop, profiles } from "./shop";

const region = "us-east-1";
const connectOf = (kindred: Kindred): ConnectClient => new ConnectClient({ endpoint: kindred.url, region, credentials: kindred.key });

const policy = (name: string): string[] => ["iam", "policy", "attach", "--user", name];

/** The shop with an instance whose contacts it takes in, and which makes no profiles of them. Returns the instance's id. */
async function openDesk(kindred: Kindred, domain: string): Promise<string> {
  await openShop(kindred, domain);
  const client = profiles(kindred);
  await client.send(new PutProfileObjectTypeCommand({ DomainName: domain, ObjectTypeName: "CTR", Description: "Contacts", TemplateId: "CTR-AutoAssociateOnly" }));
  const { Id = "", Arn } = await connectOf(kindred).send(new CreateInstanceCommand({ InstanceAlias: `${domain}-desk`, IdentityManagementType: "CONNECT_MANAGED", InboundCallsEnabled: true, OutboundCallsEnabled: true }));
  await client.send(new PutIntegrationCommand({ DomainName: domain, Uri: Arn, ObjectTypeName: "CTR" }));
  return Id;
}

/** A contact arrives. */
async function arrive(kindred: Kindred, instance: string, channel: "VOICE" | "CHAT", address: string): Promise<string> {
  const type = channel === "VOICE" ? "TELEPHONE_NUMBER" : "EMAIL_ADDRESS";
  const { ContactId = "" } = await connectOf(kindred).send(
    new CreateContactCommand({ InstanceId: instance, Channel: channel, InitiationMethod: "INBOUND", ...({ CustomerEndpoint: { Type: type, Address: address } } as object), Attributes: { profileSearchKey: channel === "VOICE" ? "_phone" : "_email", profileSearchValue: address } }),
  );
  return ContactId;
}

async function idOf(kindred: Kindred, domain: string, key: string, value: string): Promise<string> {
  const { Items = [] } = await profiles(kindred).send(new SearchProfilesCommand({ DomainName: domain, KeyName: key, Values: [value] }));
  expect(Items, `profiles with ${key} ${value}`).toHaveLength(1);
  return Items[0]?.ProfileId ?? "";
}

const search = async (page: Page, text: string): Promise<void> => {
  await page.keyboard.press("/");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
};
const heading = (page: Page, name: string) => page.getByRole("heading", { name, level: 2 });
const tab = (page: Page, name: string) => page.getByRole("tab", { name, exact: true });
/** A tab of the open profiles, which can be closed, and so are buttons. */
const opened = (page: Page, name: string) => page.getByRole("application", { name: "Open profiles" }).getByRole("button", { name, exact: true });

describe("the agent's workspace", () => {
  test("finds people by what is typed, without being asked by which", async ({ kindred, visit }) => {
    await openDesk(kindred, "find");
    const visitor = await visit();
    const page = await visitor.signIn("/agent?domain=find");
    await page.getByRole("heading", { name: "Agent workspace", level: 1 }).waitFor();
    await page.getByText("Who is it?").waitFor();
    await visitor.checkAccessibility();

    // Found alone, a profile opens at once; the focus is there, and / leads back.
    for (const text of ["(206) 555-0100", "ADA@example.org", "ada lovelace", "memberId=M-1", "M-1"]) {
      await search(page, text);
      await heading(page, "Ada Lovelace").waitFor();
      await page.waitForFunction(() => document.activeElement?.hasAttribute("data-profile"));
      await opened(page, "Results").click();
    }
    expect(await opened(page, "Ada Lovelace").count()).toBe(1);

    // Two who share an address are to choose from, with the keyboard alone.
    await search(page, "office@example.org");
    await page.getByRole("link", { name: "Grace Hopper" }).waitFor();
    await page.getByRole("link", { name: "Alan Turing" }).waitFor();
    await visitor.checkAccessibility();
    await page.waitForFunction(() => document.activeElement?.closest("tbody") !== null);
    const first = await page.evaluate(() => document.activeElement?.textContent ?? "");
    await page.keyboard.press("Enter");
    await heading(page, first.trim()).waitFor();

    await search(page, "nobody@example.org");
    await page.getByText("Nobody is known by “nobody@example.org”").waitFor();
    await visitor.checkAccessibility();
    await page.setViewportSize({ width: 768, height: 900 });
    await visitor.checkWidth();
  });

  test("shows who it is, where each value comes from, and what happened", async ({ kindred, visit }) => {
    const instance = await openDesk(kindred, "show");
    const client = profiles(kindred);
    await client.send(new PutProfileObjectCommand({ DomainName: "show", ObjectTypeName: "Ticket", Object: JSON.stringify({ no: "T-9", email: "ada@example.org", subject: "Broken kettle" }) }));
    await arrive(kindred, instance, "VOICE", "+12065550100");
    const visitor = await visit();
    const page = await visitor.signIn("/agent?email=ada%40example.org&domain=show");
    await heading(page, "Ada Lovelace").waitFor();
    await page.getByRole("button", { name: "ada@example.org (E-mail): where it comes from" }).hover();
    await page.getByText("From an object of Member").waitFor();
    await page.mouse.move(0, 0);
    await page.getByText("silver").waitFor();
    await page.getByRole("heading", { name: "Contacts (1)" }).waitFor();
    await page.getByRole("table", { name: "Contacts" }).getByText("Voice").waitFor();
    await visitor.checkAccessibility();

    await tab(page, "Cases").click();
    await page.getByRole("table", { name: "Cases" }).getByText("Broken kettle").waitFor();
    await tab(page, "Orders").click();
    await page.getByText("No orders").waitFor();
    await tab(page, "Other records").click();
    await page.getByRole("table", { name: "Member" }).getByText("id: M-1").waitFor();
    await page.getByRole("button", { name: "Show all of the Ticket record" }).click();
    await page.getByRole("dialog").getByText('"Broken kettle"').waitFor();
    await page.keyboard.press("Escape");
    await tab(page, "Changes").click();
    await page.getByRole("table", { name: "Changes" }).getByText("Record taken in").first().waitFor();
    await page.getByRole("table", { name: "Changes" }).getByText("administrator").first().waitFor();
    await visitor.checkAccessibility();
    await page.setViewportSize({ width: 768, height: 900 });
    await visitor.checkWidth();
  });

  test("a contact arrives, several have its number, and one is associated", async ({ kindred, visit }) => {
    const instance = await openDesk(kindred, "desk");
    const client = profiles(kindred);
    await client.send(new CreateProfileCommand({ DomainName: "desk", FirstName: "Byron", LastName: "Lovelace", PhoneNumber: "+12065550100" }));
    const visitor = await visit();
    const page = await visitor.signIn("/agent?domain=desk");
    await page.getByText("No contact has arrived").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();

    const contact = await arrive(kindred, instance, "VOICE", "+12065550100");
    const arrivals = page.getByRole("list", { name: "Contacts" });
    await arrivals.getByText("2 profiles to choose from").waitFor();
    await visitor.checkAccessibility();
    await arrivals.getByRole("button", { name: /^Open 2 profiles to choose from/ }).click();
    await page.getByText("It belongs to no profile yet").waitFor();
    await page.getByRole("link", { name: "Ada Lovelace" }).click();
    await heading(page, "Ada Lovelace").waitFor();
    await page.getByRole("button", { name: "Associate contact" }).click();
    await page.getByText("The contact now belongs to Ada Lovelace.").first().waitFor();
    await page.getByText("It belongs to Ada Lovelace.").waitFor();
    await page.getByText("Contact associated").waitFor();
    await visitor.checkAccessibility();
    expect(await idOf(kindred, "desk", "_ctrContactId", contact)).toBe(await idOf(kindred, "desk", "_email", "ada@example.org"));

    // Of one who is a stranger a profile is made, for which a first name is enough.
    const chat = await arrive(kindred, instance, "CHAT", "mary@example.org");
    await arrivals.getByRole("button", { name: /^Open No profile, Chat/ }).click();
    await page.getByText("Nobody is known by “mary@example.org”").waitFor();
    await page.getByRole("tabpanel").getByRole("button", { name: "Create profile" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("heading", { name: "Create profile" }).waitFor();
    expect(await dialog.getByLabel("E-mail", { exact: false }).first().inputValue()).toBe("mary@example.org");
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await dialog.getByText("Give a first name.").waitFor();
    await dialog.getByRole("textbox", { name: "First name" }).fill("Mary");
    await page.keyboard.press("Enter");
    await heading(page, "Mary").waitFor();
    await page.getByRole("button", { name: "Associate contact" }).click();
    await page.getByText("It belongs to Mary.").waitFor();
    expect(await idOf(kindred, "desk", "_ctrContactId", chat)).toBe(await idOf(kindred, "desk", "_email", "mary@example.org"));

    // What was changed is there at once.
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await dialog.getByRole("textbox", { name: "Last name" }).fill("Shelley");
    await page.keyboard.press("Enter");
    await heading(page, "Mary Shelley").waitFor();
    await opened(page, "Mary Shelley").waitFor();
    await page.getByRole("button", { name: "Close Mary Shelley" }).click();
    await expect.poll(() => opened(page, "Mary Shelley").count()).toBe(0);
  });

  test("merges two after showing who wins, and takes it back", async ({ kindred, visit }) => {
    await openDesk(kindred, "merge");
    const visitor = await visit();
    const page = await visitor.signIn("/agent?domain=merge&memberId=M-2");
    await heading(page, "Grace Hopper").waitFor();
    await page.getByRole("button", { name: "Merge", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("searchbox").fill("alan turing");
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: /The other profile/ }).click();
    await page.getByRole("option", { name: /Alan Turing/ }).click();
    const wins = dialog.getByRole("table", { name: "Who wins each field" });
    await wins.getByRole("radio", { name: "Turing" }).click();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Merge", exact: true }).click();
    await heading(page, "Grace Turing").waitFor();
    await tab(page, "Merges").click();
    await page.getByRole("table", { name: "Merges" }).getByText("LastName").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: /^Undo the merge of/ }).click();
    await dialog.getByRole("button", { name: "Undo" }).click();
    await page.getByText("The merge has been undone.").first().waitFor();
    await heading(page, "Grace Hopper").waitFor();
    await search(page, "alan turing");
    await heading(page, "Alan Turing").waitFor();
  });

  test("lets an agent do what agents may, and no more", async ({ kindred, visit }) => {
    await openDesk(kindred, "agents");
    await kindred.newUser("erin", "correct horse battery staple 7");
    await kindred.command([...policy("erin"), "KindredAgent"]);
    await kindred.newUser("nobody", "correct horse battery staple 8");
    const visitor = await visit();
    const page = await visitor.signIn("/agent?domain=agents&phone=%2B12065550100", "erin");
    await heading(page, "Ada Lovelace").waitFor();
    await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
    await expect.poll(() => page.getByRole("button", { name: "Merge", exact: true }).count()).toBe(0);
    await expect.poll(() => tab(page, "Changes").count()).toBe(0);
    await page.getByRole("table", { name: "Contacts" }).waitFor();
    await visitor.checkAccessibility();

    const stranger = await visit();
    stranger.expectRefusal(403, /./);
    const shut = await stranger.signIn("/agent?domain=agents&phone=%2B12065550100", "nobody");
    await shut.getByText("profile:SearchProfiles").first().waitFor();
    expect(await shut.getByText("Ada").count()).toBe(0);
  });

  test("opens what a softphone around it asks for, and nothing that another page asks for", async ({ browser }) => {
    // The softphone's page has a frame with the workspace, and sends what its address says.
    const phone = createServer((request, answer) => {
      const kindredUrl = new URL(request.url ?? "/", "http://phone").searchParams.get("kindred") ?? "";
      answer.setHeader("content-type", "text/html");
      answer.end(`<!doctype html><title>phone</title><iframe id="kindred" src="${kindredUrl}/agent?domain=phone" width="1200" height="800"></iframe>
        <script>globalThis.ring = (message) => document.getElementById("kindred").contentWindow.postMessage(message, "*")</script>`);
    });
    await new Promise<void>((ready) => phone.listen(0, "127.0.0.1", ready));
    const origin = `http://127.0.0.1:${(phone.address() as AddressInfo).port}`;
    const kindred = await Kindred.start(inject("binary"), "--console-frame-origin", origin);
    try {
      await openDesk(kindred, "phone");
      const visitor = await Visitor.arrive(browser, kindred, {});
      const page = await visitor.signIn("/console/instances");
      await page.goto(`${origin}/?kindred=${encodeURIComponent(kindred.url)}`);
      const frame = page.frameLocator("#kindred");
      await frame.getByText("Who is it?").waitFor();
      const ring = (message: object) => page.evaluate((m) => (globalThis as unknown as { ring: (m: object) => void }).ring(m), message);
      await ring({ type: "kindred.open", email: "ada@example.org", contactId: "c-1" });
      await frame.getByRole("heading", { name: "Ada Lovelace", level: 2 }).waitFor();
      await frame.getByRole("button", { name: "Associate contact" }).waitFor();
      await ring({ type: "something", phone: "+12065550101" });
      await ring({ type: "kindred.open", phone: "+12065550101" });
      await frame.getByRole("heading", { name: "Grace Hopper", level: 2 }).waitFor();
      // A message of the page's own scripts is of an origin that nobody has allowed.
      await page.goto(`${kindred.url}/agent?domain=phone`);
      await page.getByText("Who is it?").waitFor();
      await page.evaluate(() => postMessage({ type: "kindred.open", email: "ada@example.org" }, "*"));
      await page.waitForTimeout(500);
      expect(await heading(page, "Ada Lovelace").count()).toBe(0);
      expect(visitor.problems).toEqual([]);
      await visitor.leave();
    } finally {
      phone.close();
      await kindred.stop();
    }
  });

  test("in Portuguese", async ({ kindred, visit }) => {
    await openDesk(kindred, "praia");
    const visitor = await visit({ locale: "pt-BR", width: 768 });
    const page = await visitor.signIn("/agent?domain=praia&email=ada%40example.org");
    await heading(page, "Ada Lovelace").waitFor();
    await page.getByRole("heading", { name: "Área do agente" }).waitFor();
    await page.getByRole("tab", { name: "Pedidos" }).waitFor();
    await page.getByRole("button", { name: "Mesclar" }).waitFor();
    await visitor.checkAccessibility();
    await visitor.checkWidth();
  });
});
