import { CreateDomainCommand } from "@aws-sdk/client-customer-profiles";
import { DisableKeyCommand } from "@aws-sdk/client-kms";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { test } from "./harness";
import type { Kindred } from "./kindred";
import { kmsOf, newShop, profileOf } from "./seed";

const heading = (page: Page, name: string, level = 1) => page.getByRole("heading", { name, level });

/** What a user may do with a key, by the call that needs no permission. */
async function maySearch(kindred: Kindred, key: { id: string; secret: string }): Promise<number> {
  const { CustomerProfilesClient, ListDomainsCommand } = await import("@aws-sdk/client-customer-profiles");
  const client = new CustomerProfilesClient({ endpoint: kindred.url, region: "us-east-1", maxAttempts: 1, credentials: { accessKeyId: key.id, secretAccessKey: key.secret } });
  try {
    await client.send(new ListDomainsCommand({}));
    return 200;
  } catch (e) {
    return (e as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0;
  }
}

describe("a domain at a glance", () => {
  test("shows how much there is, how queue and key are, and what has happened", async ({ kindred, visit }) => {
    const { key } = await newShop(kindred, "glance");
    const visitor = await visit();
    const page = await visitor.signIn("/console/domains");
    await page.getByRole("link", { name: "glance", exact: true }).click();
    await heading(page, "glance").waitFor();
    await page.getByText("5 letters wait").waitFor();
    await page.getByText("Enabled", { exact: true }).waitFor();
    // Nodes write their counters every five seconds, and the page reads them every ten.
    await expect.poll(() => page.locator("svg, [class*=chart]").getByText("5", { exact: true }).count(), { timeout: 30_000 }).toBeGreaterThan(0);
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "90 days" }).click();
    await visitor.checkAccessibility();
    await page.setViewportSize({ width: 768, height: 900 });
    await visitor.checkWidth();
    await page.setViewportSize({ width: 1280, height: 900 });

    await kmsOf(kindred).send(new DisableKeyCommand({ KeyId: key.id }));
    await page.reload();
    await page.getByText("Disabled: profiles can be neither read nor written").waitFor();

    await page.getByRole("link", { name: "See the dead letters" }).click();
    await heading(page, "Dead letters").waitFor();
  });

  test("says what to do next where there is nothing, in Portuguese too", async ({ kindred, visit }) => {
    await profileOf(kindred).send(new CreateDomainCommand({ DomainName: "bare", DefaultExpirationDays: 30 }));
    const visitor = await visit({ locale: "pt-BR", width: 768 });
    const page = await visitor.signIn("/console/domains/bare");
    await page.getByText("Ainda não há perfis").waitFor();
    await page.getByText("Nenhuma: o que não pode ser ingerido é recusado").waitFor();
    await visitor.checkAccessibility();
    await visitor.checkWidth();
    await page.goto("/console/domains/bare/jobs");
    await page.getByText("Nenhum trabalho").waitFor();
    await visitor.checkAccessibility();
    await visitor.checkWidth();
    await page.goto("/console/domains");
    await page.getByRole("link", { name: "bare", exact: true }).waitFor();
    await visitor.checkAccessibility();
  });
});

describe("users and policies", () => {
  test("a user is made, gets a key, signs in, and is deleted", async ({ kindred, visit }) => {
    const visitor = await visit();
    const page = await visitor.signIn("/console/users");
    await page.getByRole("link", { name: "administrator", exact: true }).waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Create user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("erin");
    await dialog.getByRole("button", { name: /What they do/ }).click();
    await page.getByRole("option", { name: /^Agent/ }).click();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Create user" }).click();
    await heading(page, "erin").waitFor();
    await page.getByRole("table", { name: "Attached policies" }).getByText("KindredAgent").waitFor();
    await visitor.checkAccessibility();

    await page.getByRole("button", { name: "Create access key" }).click();
    await page.getByText("Keep the secret now").waitFor();
    const alert = page.locator("[class*=awsui_alert]").filter({ hasText: "Keep the secret now" }).first();
    const text = (await alert.innerText()).split("\n").map((l) => l.trim());
    const id = text.find((l) => /^AKIA\w{16}$/.test(l)) ?? "";
    const secret = text.find((l) => /^[\w+/]{40}$/.test(l)) ?? "";
    expect(await maySearch(kindred, { id, secret })).toBe(200);
    await page.getByRole("button", { name: "Done" }).click();
    expect(await page.getByText(secret).count()).toBe(0);
    await page.getByRole("button", { name: `Deactivate ${id}` }).click();
    await page.getByRole("button", { name: `Activate ${id}` }).waitFor();
    expect(await maySearch(kindred, { id, secret })).toBe(403);

    await page.getByRole("button", { name: "Detach KindredAgent" }).click();
    await page.getByText("No policy is attached").waitFor();
    await page.getByRole("button", { name: "Add a policy of its own" }).click();
    await dialog.getByLabel("Policy name").fill("lookup");
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name: "Edit lookup" }).waitFor();

    await page.getByRole("button", { name: "Set password" }).click();
    await dialog.getByLabel("New password").fill("correct horse battery staple 7");
    await dialog.getByRole("button", { name: "Set password" }).click();
    await page.getByText(/^Set /).first().waitFor();
    const other = await visit();
    await other.page.goto("/console/");
    await other.page.getByLabel("User name", { exact: true }).fill("erin");
    await other.page.getByLabel("Password", { exact: true }).fill("correct horse battery staple 7");
    other.expectRefusal(403, /./);
    await other.page.keyboard.press("Enter");
    await other.page.getByText("connect:ListInstances").first().waitFor();
    await page.reload();
    await page.getByRole("table", { name: "Signed in" }).getByText("Password").waitFor();
    await visitor.checkAccessibility();
    await page.setViewportSize({ width: 768, height: 900 });
    await visitor.checkWidth();

    await page.getByRole("button", { name: "Delete user" }).click();
    await dialog.getByRole("textbox").fill("erin");
    await dialog.getByRole("button", { name: "Delete user" }).click();
    await heading(page, "Users").waitFor();
    await expect.poll(() => page.getByRole("link", { name: "erin", exact: true }).count()).toBe(0);
  });

  test("a policy is made, changed, refused when it is wrong, and deleted; Kindred's own stay", async ({ visit }) => {
    const visitor = await visit();
    const page = await visitor.signIn("/console/policies/create");
    await page.getByLabel("Name").fill("Readers");
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Create policy" }).click();
    await page.getByRole("link", { name: "Readers", exact: true }).click();
    await heading(page, "Readers").waitFor();
    await visitor.checkAccessibility();
    const text = page.getByRole("textbox", { name: "Policy" });
    await text.fill('{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps", "Action": "*", "Resource": "*"}]}');
    visitor.expectRefusal(400, /^\/iam\/policies\/Readers$/);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Effect").last().waitFor();
    await text.fill('{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}');
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The policy Readers has been changed.").first().waitFor();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("The policy Readers has been deleted.").first().waitFor();
    await page.getByRole("link", { name: "KindredAgent", exact: true }).click();
    await page.getByText("This policy comes with Kindred").waitFor();
    expect(await page.getByRole("button", { name: "Save" }).count()).toBe(0);
    await visitor.checkAccessibility();
  });
});
