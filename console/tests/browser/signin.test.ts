import { describe, expect } from "vitest";
import { test } from "./harness";

const password = "correct horse battery staple 7";

describe("signing in", () => {
  test("by the link of the first start, once, and its token leaves the address", async ({ kindred, visit }) => {
    const { page } = await visit();
    await page.goto(kindred.link);
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    expect(page.url()).not.toContain("token");
    await page.goBack();
    expect(page.url()).not.toContain("token");

    const other = await visit();
    other.expectRefusal(401, /^\/console\/session$/);
    await other.page.goto(kindred.link);
    await other.page.getByText("The link was used before").waitFor();
    expect(other.page.url()).not.toContain("token");
    await other.checkAccessibility();
  });

  test("with a user name and password, and not with a wrong one", async ({ kindred, visit }) => {
    await kindred.newUser("ann", password, { Effect: "Allow", Action: "connect:*", Resource: "*" });
    const visitor = await visit();
    const { page } = visitor;
    await page.goto("/console/");
    await page.getByRole("heading", { name: "Sign in to Kindred" }).waitFor();
    await visitor.checkAccessibility();

    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Enter your user name").waitFor();
    await page.getByLabel("User name", { exact: true }).fill("ann");
    await page.getByLabel("Password", { exact: true }).fill("wrong");
    visitor.expectRefusal(401, /^\/console\/session$/);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("That did not sign you in").waitFor();
    expect(await page.getByLabel("Password", { exact: true }).inputValue()).toBe("");

    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    await page.getByRole("button", { name: "ann" }).waitFor();
  });

  test("with an access key, of which nothing stays in the browser", async ({ kindred, visit }) => {
    const { page, context } = await visit();
    await page.goto("/console/");
    await page.getByRole("radio", { name: "Access key" }).click();
    await page.getByLabel("Access key ID").fill(kindred.key.accessKeyId);
    await page.getByLabel("Secret access key").fill(kindred.key.secretAccessKey);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();

    const { origins, cookies } = await context.storageState();
    expect(JSON.stringify(origins)).not.toContain(kindred.key.accessKeyId);
    expect(JSON.stringify(origins)).not.toMatch(/secret|token|ASIA/i);
    expect(await page.evaluate(() => document.cookie)).toBe("");
    expect(cookies.every((c) => c.httpOnly && c.sameSite === "Strict")).toBe(true);
  });

  test("leads to the page that was wanted, and nowhere else", async ({ kindred, visit }) => {
    const { page } = await visit();
    await page.goto("/console/instances/create?x=1");
    await page.waitForURL(/sign-in\?next=/);
    await page.goto(page.url() + new URL(await kindred.newLink()).hash);
    await page.getByRole("heading", { name: "Create an instance" }).waitFor();
    expect(new URL(page.url()).search).toBe("?x=1");

    const other = await visit();
    await other.page.goto(`/console/sign-in?next=${encodeURIComponent("https://example.com/console/")}${new URL(await kindred.newLink()).hash}`);
    await other.page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    expect(other.page.url()).toBe(`${kindred.url}/console/instances`);
  });
});

describe("a session", () => {
  test("survives a reload, and ends in every tab when one signs out", async ({ visit }) => {
    const visitor = await visit();
    const page = await visitor.signIn();
    await page.reload();
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    const second = await visitor.context.newPage();
    await second.goto("/console/instances/create");
    await second.getByRole("heading", { name: "Create an instance" }).waitFor();

    await page.getByRole("button", { name: "administrator" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByText("You have signed out").waitFor();
    await second.getByText("You have signed out").waitFor();
    await page.goto("/console/instances");
    await page.getByRole("heading", { name: "Sign in to Kindred" }).waitFor();
  });

  test("that the server ends leads to the sign-in page, and back to where one was", async ({ kindred, visit }) => {
    await kindred.newUser("bea", password, { Effect: "Allow", Action: ["connect:*", "profile:*"], Resource: "*" });
    const visitor = await visit();
    const page = await visitor.signIn("/console/instances", "bea");
    await page.getByText("No instances").waitFor();
    await kindred.command(["iam", "password", "set", "bea"], password + "8"); // ends the user's sessions
    visitor.expectRefusal(403, /^\/instance$/);
    visitor.expectRefusal(401, /^\/console\/session\/renew$/);
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByText("Your session has ended").waitFor();
    await page.getByLabel("User name", { exact: true }).fill("bea");
    await page.getByLabel("Password", { exact: true }).fill(password + "8");
    await page.keyboard.press("Enter");
    await page.getByText("No instances").waitFor();
  });
});

test("a page that its user has no right to names the permission that is missing", async ({ kindred, visit }) => {
  await kindred.newUser("nobody", password);
  const visitor = await visit();
  visitor.expectRefusal(403, /^\/instance$/);
  const page = await visitor.signIn("/console/instances", "nobody");
  await page.getByText("You need the permission connect:ListInstances.").waitFor();
  await visitor.checkAccessibility();
});

describe("languages", () => {
  test("are those of the browser, and can be changed", async ({ visit }) => {
    const visitor = await visit({ locale: "pt-BR" });
    const page = await visitor.signIn();
    await page.getByRole("heading", { name: "Instâncias", level: 1 }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("pt-BR");
    await visitor.checkAccessibility();

    await page.getByRole("button", { name: "Idioma: Português (Brasil)" }).click();
    await page.getByRole("menuitemcheckbox", { name: "English" }).click();
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
  });
});

test("appearance and density are as one chooses, and remembered", async ({ visit }) => {
  const { page, signIn } = await visit().then((v) => ({ page: v.page, signIn: v.signIn.bind(v) }));
  await signIn();
  const classes = (): Promise<string> => page.evaluate(() => document.body.className);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Dark" }).click();
  await expect.poll(classes).toContain("awsui-dark-mode");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Compact" }).click();
  await expect.poll(classes).toContain("awsui-compact-mode");
  await page.reload();
  await expect.poll(classes).toMatch(/awsui-dark-mode.*awsui-compact-mode|awsui-compact-mode.*awsui-dark-mode/);
});
