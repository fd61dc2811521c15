import { DescribeKeyCommand, GetKeyPolicyCommand, GetKeyRotationStatusCommand, ListGrantsCommand } from "@aws-sdk/client-kms";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { test } from "./harness";
import { account, kmsOf, newDomain, newKey } from "./seed";

const notice = (page: Page, text: string) => page.getByText(text).first().waitFor();
const rows = (page: Page, table: string) => page.getByRole("table", { name: table }).locator("tbody tr");
const value = (page: Page, label: string) => page.locator("dt", { hasText: label }).locator("xpath=following-sibling::dd[1]");

describe("keys", () => {
  test("the list: empty at first, then by alias with the state of each", async ({ kindred, visit }) => {
    const visitor = await visit();
    const page = await visitor.signIn("/console/keys");
    await page.getByText("No keys").waitFor();
    await visitor.checkAccessibility();
    await newKey(kindred, "one");
    await newKey(kindred, "two");
    await page.getByRole("button", { name: "Refresh" }).click();
    await expect.poll(() => rows(page, "Keys").count()).toBe(2);
    await page.goto("/console/keys");
    await rows(page, "Keys").filter({ hasText: "one" }).getByText("Enabled").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("link", { name: "two" }).click();
    await page.getByRole("heading", { name: "two", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Edit description" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Description").fill("The second one");
    await dialog.getByRole("button", { name: "Save" }).click();
    await notice(page, "The description has been saved.");
    expect(await value(page, "Description").textContent()).toBe("The second one");
  });

  test("who uses one: disabled with a warning, and enabled again", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "vault");
    await newDomain(kindred, "bank", { key: key.arn });
    const state = async () => (await kmsOf(kindred).send(new DescribeKeyCommand({ KeyId: key.id }))).KeyMetadata?.KeyState;
    const visitor = await visit();
    const page = await visitor.signIn(`/console/keys/${key.id}`);
    await page.getByRole("tab", { name: "Domains" }).click();
    await rows(page, "Domains").getByRole("link", { name: "bank" }).waitFor();
    await rows(page, "Domains").getByText("In force").waitFor();
    await visitor.checkAccessibility();

    await page.getByRole("button", { name: "Disable" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 domain has values under this key: bank").waitFor();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Disable" }).click();
    await notice(page, "The key vault is disabled.");
    expect(await state()).toBe("Disabled");
    await page.getByText("Nothing that is encrypted under it can be read or written.").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Enable" }).click();
    await notice(page, "The key vault is enabled.");
    expect(await state()).toBe("Enabled");
  });

  test("deletion: scheduled with a warning, and cancelled", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "cellar");
    await newDomain(kindred, "wine", { key: key.arn });
    const state = async () => (await kmsOf(kindred).send(new DescribeKeyCommand({ KeyId: key.id }))).KeyMetadata?.KeyState;
    const visitor = await visit();
    const page = await visitor.signIn(`/console/keys/${key.id}`);
    await page.getByRole("button", { name: "Schedule deletion" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 domain has values under this key: wine").waitFor();
    await dialog.getByLabel("Waiting period (days)").fill("6");
    await dialog.getByLabel("To confirm, type delete").fill("delete");
    expect(await dialog.getByRole("button", { name: "Schedule deletion" }).isDisabled()).toBe(true);
    await dialog.getByLabel("Waiting period (days)").fill("7");
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Schedule deletion" }).click();
    await notice(page, "The key cellar will be deleted on");
    expect(await state()).toBe("PendingDeletion");
    await page.getByText("This key will be deleted on").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Cancel deletion" }).click();
    await dialog.getByRole("button", { name: "Cancel deletion" }).click();
    await notice(page, "The key cellar will not be deleted. It is disabled.");
    expect(await state()).toBe("Disabled");
  });

  test("the policy, with the statement for a domain", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "plan");
    await newDomain(kindred, "branch", { key: key.arn });
    const visitor = await visit();
    const page = await visitor.signIn(`/console/keys/${key.id}`);
    const policy = page.getByRole("textbox", { name: "Policy" });
    await policy.waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Add the statement for Customer Profiles" }).click();
    await page.getByRole("button", { name: /Choose a domain/ }).click();
    await page.getByRole("option", { name: "branch" }).click();
    await page.getByRole("button", { name: "Add the statement", exact: true }).click();
    await page.getByRole("button", { name: "Save the policy" }).click();
    await notice(page, "The policy has been saved.");
    const { Policy } = await kmsOf(kindred).send(new GetKeyPolicyCommand({ KeyId: key.id, PolicyName: "default" }));
    expect(Policy).toContain("domains/branch");
  });

  test("aliases, made and deleted", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "office");
    const visitor = await visit();
    const page = await visitor.signIn(`/console/keys/${key.id}?tab=aliases`);
    await rows(page, "Aliases").getByText("office").waitFor();
    await page.getByRole("button", { name: "Create an alias" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Alias").fill("aws/no");
    await dialog.getByText("it does not begin with aws/").first().waitFor();
    await dialog.getByLabel("Alias").fill("branches");
    await dialog.getByRole("button", { name: "Create an alias" }).click();
    await notice(page, "The alias branches has been created.");
    await expect.poll(() => rows(page, "Aliases").count()).toBe(2);
    await visitor.checkAccessibility();
    await page.getByRole("radio", { name: "office" }).check();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await notice(page, "The alias office has been deleted.");
    await page.getByRole("heading", { name: "branches", level: 1 }).waitFor();
  });

  test("grants: that of a domain, and one made and revoked", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "gate");
    await newDomain(kindred, "garden", { key: key.arn });
    await kindred.newUser("gil", "correct horse battery staple 7");
    const visitor = await visit();
    const page = await visitor.signIn(`/console/keys/${key.id}?tab=grants`);
    await rows(page, "Grants").filter({ hasText: "Customer Profiles" }).getByText("the domain garden").waitFor();
    await page.getByRole("button", { name: "Create a grant" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: "Who" }).fill("gil");
    await page.getByRole("option", { name: "gil", exact: true }).click();
    await visitor.checkAccessibility();
    await dialog.getByRole("button", { name: "Create a grant" }).click();
    await notice(page, "The grant has been created.");
    await expect.poll(() => rows(page, "Grants").count()).toBe(2);
    await visitor.checkAccessibility();
    const grants = async () => (await kmsOf(kindred).send(new ListGrantsCommand({ KeyId: key.id }))).Grants ?? [];
    expect((await grants()).map((g) => g.GranteePrincipal)).toContain(`arn:aws:iam::${account}:user/gil`);
    await page.getByRole("radio", { name: "gil" }).check();
    await page.getByRole("button", { name: "Revoke" }).click();
    await dialog.getByText("Only for: Anything").waitFor();
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await notice(page, "The grant has been revoked.");
    expect(await grants()).toHaveLength(1);
  });

  test("rotation, by itself and at once", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "wheel");
    const visitor = await visit();
    const page = await visitor.signIn(`/console/keys/${key.id}?tab=rotation`);
    await page.getByText("The key has not been rotated yet").waitFor();
    await visitor.checkAccessibility();
    await page.getByRole("switch", { name: "Rotate the key automatically" }).or(page.getByRole("checkbox", { name: "Rotate the key automatically" })).check();
    await page.getByLabel("Period (days)").fill("89");
    await page.getByText("90 to 2560 days").first().waitFor();
    expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    await page.getByLabel("Period (days)").fill("90");
    await visitor.checkAccessibility();
    await page.getByRole("button", { name: "Save" }).click();
    await notice(page, "The rotation has been set.");
    await page.getByText("On, every 90 days").waitFor();
    const status = await kmsOf(kindred).send(new GetKeyRotationStatusCommand({ KeyId: key.id }));
    expect([status.KeyRotationEnabled, status.RotationPeriodInDays]).toEqual([true, 90]);

    await page.getByRole("button", { name: "Rotate now" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("at most 25 times in its life").waitFor();
    await dialog.getByRole("button", { name: "Rotate now" }).click();
    await notice(page, "The key wheel has new material.");
    await rows(page, "Rotations").getByText("On demand").waitFor();
    await visitor.checkAccessibility();
  });

  test("say which permission is missing", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "sealed");
    await kindred.newUser("reader", "correct horse battery staple 7", { Effect: "Allow", Action: ["kms:ListKeys", "kms:ListAliases"], Resource: "*" });
    const visitor = await visit();
    visitor.expectRefusal(403, /^\//);
    visitor.expectRefusal(400, /^\/$/);
    const page = await visitor.signIn("/console/keys", "reader");
    await rows(page, "Keys").filter({ hasText: "sealed" }).getByText("(not for you to see)").waitFor();
    await page.goto(`/console/keys/${key.id}`);
    await page.getByText("You need the permission kms:DescribeKey").waitFor();
    await visitor.checkAccessibility();
  });

  test("in Portuguese, in a window of 768 pixels", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "chave");
    const visitor = await visit({ locale: "pt-BR", width: 768 });
    const page = await visitor.signIn("/console/keys");
    await page.getByRole("heading", { name: "Chaves", level: 1 }).waitFor();
    await visitor.checkWidth();
    await visitor.checkAccessibility();
    await page.goto(`/console/keys/${key.id}`);
    for (const [tab, text] of [
      ["Política da chave", "Salvar a política"],
      ["Domínios", "Nenhum domínio usa esta chave"],
      ["Aliases", "Criar um alias"],
      ["Concessões", "Nenhuma concessão"],
      ["Rotação", "Rotação automática"],
    ] as const) {
      await page.getByRole("tab", { name: tab }).click();
      await page.getByText(text).first().waitFor();
      await visitor.checkWidth();
      await visitor.checkAccessibility();
    }
  });
});
