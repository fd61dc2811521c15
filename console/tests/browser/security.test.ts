import { CreateProfileCommand, PutProfileObjectCommand, PutProfileObjectTypeCommand } from "@aws-sdk/client-customer-profiles";
import { ConnectClient, CreateInstanceCommand } from "@aws-sdk/client-connect";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect } from "vitest";
import { test } from "./harness";
import { haveArrived, newDomain, newKey, newQueue, profileOf } from "./seed";

/** A text that does something if it is ever taken for more than a text. */
const script = `"'><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>{{constructor}}`;

/** Every page, with what is there in the domain of these tests. */
const pages = (at: { instance: string; key: string; profile: string }): string[] => [
  "/console/instances",
  "/console/instances/create",
  `/console/instances/${at.instance}`,
  `/console/instances/${at.instance}/customer-profiles`,
  "/console/domains",
  "/console/domains/hostile",
  "/console/domains/hostile/object-types",
  "/console/domains/hostile/object-types/create",
  "/console/domains/hostile/object-types/Ticket",
  "/console/domains/hostile/upload",
  "/console/domains/hostile/integrations",
  "/console/domains/hostile/dead-letters",
  "/console/domains/hostile/jobs",
  "/console/queues",
  "/console/queues/hostile-dead-letters",
  "/console/queues/create",
  "/console/keys",
  `/console/keys/${at.key}`,
  "/console/keys/create",
  "/console/users",
  "/console/users/administrator",
  "/console/policies",
  "/console/policies/create",
  "/console/policies/KindredAgent",
  `/agent?domain=hostile&profileId=${at.profile}`,
];

describe("the console lets nobody in", () => {
  test("its pages say what a browser may do with them", async ({ kindred }) => {
    for (const path of ["/console/", "/agent", "/console/sign-in", "/console/domains/x"]) {
      const { headers, status } = await fetch(kindred.url + path);
      expect(status, path).toBe(200);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy, path).toContain("default-src 'none'");
      expect(policy, path).toMatch(/script-src 'self'(;|$)/);
      expect(policy, path).toContain("frame-ancestors 'none'");
      expect(policy, path).toContain("base-uri 'none'");
      expect(policy, path).not.toMatch(/script-src[^;]*unsafe/);
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(headers.get("referrer-policy"), path).toBe("no-referrer");
      expect(headers.get("cache-control"), path).toBe("no-store");
    }
  });

  test("another site can neither show it, nor use what one is signed in with", async ({ kindred, visit }) => {
    const visitor = await visit();
    const page = await visitor.signIn("/console/instances");
    // A site of the same machine is the worst case: a cookie of SameSite=Strict goes by site, and ports do not count.
    const evil = createServer((_, answer) => {
      answer.setHeader("content-type", "text/html");
      answer.end(`<!doctype html><title>evil</title><iframe src="${kindred.url}/console/instances"></iframe>`);
    });
    await new Promise<void>((ready) => evil.listen(0, "127.0.0.1", ready));
    const origin = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`;
    try {
      const other = await visitor.context.newPage();
      visitor.expectProblem(/frame|Framing|refused|Failed to load|CORS|blocked|ERR_FAILED|ERR_BLOCKED/i);
      visitor.expectRefusal(403, /^\/console\/session/);
      await other.goto(origin);
      await other.waitForTimeout(300);
      expect(await other.frameLocator("iframe").getByText("Instances").count()).toBe(0);
      const renew = await other.evaluate(async (url) => {
        const tries: string[] = [];
        for (const init of [
          { method: "POST", mode: "no-cors", body: "{}" },
          { method: "POST", mode: "cors", body: "{}", headers: { "X-Kindred-Console": "1", "content-type": "application/json" } },
        ] as const) {
          try {
            const answer = await fetch(`${url}/console/session/renew`, { ...init, credentials: "include" });
            tries.push(`${answer.type} ${answer.status} ${(await answer.text()).length}`);
          } catch {
            tries.push("refused");
          }
        }
        return tries;
      }, kindred.url);
      expect(renew).toEqual(["opaque 0 0", "refused"]);
      // And what was sent without a look at the answer has done nothing: the session is as it was.
      await page.reload();
      await page.getByRole("heading", { name: "Instances", level: 1 }).waitFor();
      await other.close();
    } finally {
      evil.close();
    }
  });

  test("a session that was ended is of no use to who has kept its cookie or its credentials", async ({ kindred, visit }) => {
    const visitor = await visit();
    let authorization = "";
    visitor.page.on("request", (r) => {
      if (r.url().includes("/instance")) authorization = r.headers()["authorization"] ?? authorization;
    });
    const page = await visitor.signIn("/console/instances");
    const cookies = (await visitor.context.cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
    expect(cookies).not.toBe("");
    const renew = () => fetch(`${kindred.url}/console/session/renew`, { method: "POST", headers: { cookie: cookies, "X-Kindred-Console": "1", "content-type": "application/json", origin: kindred.url }, body: "{}" });
    expect((await renew()).status).toBe(200);
    // What is held while the session is good, and replayed when it is over.
    const held = page.waitForRequest((r) => r.method() === "GET" && /\/instance(\?|$)/.test(r.url()));
    await page.reload();
    const request = await held;
    const replay = async () => (await fetch(request.url(), { headers: await request.allHeaders() })).status;
    expect(await replay()).toBe(200);
    await page.getByRole("button", { name: "administrator" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to Kindred" }).waitFor();
    expect((await renew()).status).toBe(401);
    expect(await replay()).toBe(403);
    expect(authorization).not.toBe("");
  });

  test("a script is a text, wherever it is shown; and who may do nothing sees nothing", async ({ kindred, visit }) => {
    const key = await newKey(kindred, "hostile");
    await newDomain(kindred, "hostile", { queue: await newQueue(kindred, "hostile-dead-letters", "hostile"), key: key.arn });
    const client = profileOf(kindred);
    const { ProfileId: profile = "" } = await client.send(
      new CreateProfileCommand({
        DomainName: "hostile",
        FirstName: script,
        LastName: script,
        BusinessName: script,
        AccountNumber: script,
        AdditionalInformation: script,
        EmailAddress: "hostile@example.org",
        PhoneNumber: "+12065550177",
        Address: { Address1: script, City: script },
        Attributes: { hostile: script, [script.slice(0, 60)]: script },
      }),
    );
    await client.send(
      new PutProfileObjectTypeCommand({
        DomainName: "hostile",
        ObjectTypeName: "Hostile",
        Description: script,
        AllowProfileCreation: false,
        Fields: { no: { Source: "_source.no" }, email: { Source: "_source.email", ContentType: "EMAIL_ADDRESS" }, title: { Source: "_source.title", Target: "_case.Title" } },
        Keys: { hostileNo: [{ StandardIdentifiers: ["CASE", "UNIQUE"], FieldNames: ["no"] }], _email: [{ StandardIdentifiers: ["PROFILE", "LOOKUP_ONLY"], FieldNames: ["email"] }] },
      }),
    );
    const put = (record: object) => client.send(new PutProfileObjectCommand({ DomainName: "hostile", ObjectTypeName: "Hostile", Object: JSON.stringify(record) }));
    await put({ no: script, email: "hostile@example.org", title: script });
    await put({ no: "2", email: "nobody@example.org", title: script });
    await haveArrived(kindred, "hostile-dead-letters", 1);
    const { Id: instance = "" } = await new ConnectClient({ endpoint: kindred.url, region: "us-east-1", credentials: kindred.key }).send(
      new CreateInstanceCommand({ InstanceAlias: "hostile-desk", IdentityManagementType: "CONNECT_MANAGED", InboundCallsEnabled: true, OutboundCallsEnabled: true }),
    );

    const visitor = await visit();
    const page = await visitor.signIn("/console/instances");
    const at = { instance, key: key.id, profile };
    for (const path of [...pages(at), "/console/domains/hostile/object-types/Hostile"]) {
      await page.goto(path);
      await page.locator("h1").first().waitFor();
      await page.waitForFunction(() => document.querySelector("[class*=awsui_spinner]") === null);
      expect(await page.evaluate(() => (globalThis as { pwned?: number }).pwned), path).toBeUndefined();
    }
    // Where it is shown, it is shown as it is.
    await page.goto(`/agent?domain=hostile&profileId=${profile}`);
    await page.getByRole("heading", { level: 2, name: script }).waitFor();
    for (const name of ["Cases", "Other records", "Changes"]) {
      await page.getByRole("tab", { name, exact: true }).click();
      await page.getByRole("tabpanel").last().getByText("onerror").or(page.getByRole("table", { name: "Changes" })).first().waitFor();
    }
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    expect(await page.getByRole("dialog").getByRole("textbox", { name: "First name" }).inputValue()).toBe(script);
    await page.goto("/console/domains/hostile/dead-letters");
    await page.getByRole("table", { name: "Letters" }).getByRole("link").first().click();
    await page.getByRole("textbox").first().waitFor();
    expect(await page.evaluate(() => (globalThis as { pwned?: number }).pwned)).toBeUndefined();

    // A user without rights: on every page a sentence with the permission, and nothing of anybody.
    await kindred.newUser("nobody", "correct horse battery staple 7");
    const stranger = await visit();
    stranger.expectRefusal(403, /./);
    stranger.expectRefusal(400, /^\/$/); // which is how KMS and SQS refuse
    const shut = await stranger.signIn("/console/instances", "nobody");
    const silent = new Set(["/console/instances/create", "/console/domains/hostile/object-types/create", "/console/queues/create", "/console/keys/create", "/console/policies/create", "/console/domains/hostile/upload"]);
    for (const path of pages(at)) {
      await shut.goto(path);
      await shut.locator("h1").first().waitFor();
      // A form may be looked at; what it sends is refused.
      if (!silent.has(path)) await shut.getByText(/(profile|connect|sqs|kms|kindred|iam):\w+/).first().waitFor();
      expect(await shut.getByText("onerror").count(), path).toBe(0);
      expect(await shut.getByText("hostile@example.org").count(), path).toBe(0);
    }
  });
});
