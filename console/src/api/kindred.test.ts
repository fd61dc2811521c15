import { afterEach, describe, expect, it, vi } from "vitest";
// @ts-expect-error a script without types
import { current } from "../../scripts/kindredtypes.mjs";
import generated from "./kindred.types.ts?raw";
import { KindredClient, decode, encode } from "./kindred";
import { operations } from "./kindred.types";

it("has the types of api/kindred.json; if this fails, npm run types", () => {
  expect(generated).toBe(current());
});

describe("encode", () => {
  it("puts members where they go", () => {
    expect(encode(operations.ListJobs, { DomainName: "a/b c", State: "RUNNING", MaxResults: 5 })).toEqual({
      path: "/domains/a%2Fb%20c/jobs",
      query: { state: "RUNNING", "max-results": "5" },
      body: undefined,
    });
    expect(encode(operations.RenameDomain, { DomainName: "a", NewDomainName: "b!" })).toEqual({ path: "/domains/a/rename", query: {}, body: '{"NewDomainName":"b!"}' });
  });
  it("writes times as seconds", () => {
    const { body } = encode({ method: "POST", path: "/x", query: {}, times: [] }, { At: new Date(1500), In: [{ At: new Date(2000) }] });
    expect(body).toBe('{"At":1.5,"In":[{"At":2}]}');
  });
  it("does not call without what the path needs", () => {
    expect(() => encode(operations.ListJobs, {})).toThrow("DomainName is missing");
  });
});

it("decode makes Dates of times, wherever they are", () => {
  const wire = { method: "GET", path: "/x", query: {}, times: ["At", "List.*.At", "Map.*.In.At"] };
  expect(decode(wire, { At: 1.5, List: [{ At: 2 }, {}], Map: { k: { In: { At: 3 } } }, Other: 4 })).toEqual({
    At: new Date(1500),
    List: [{ At: new Date(2000) }, {}],
    Map: { k: { In: { At: new Date(3000) } } },
    Other: 4,
  });
});

describe("KindredClient", () => {
  afterEach(() => vi.unstubAllGlobals());

  const client = () =>
    new KindredClient({
      region: "eu-west-1",
      endpoint: "http://127.0.0.1:4620",
      credentials: async () => ({ accessKeyId: "ASIA1", secretAccessKey: "secret", sessionToken: "token", expiration: new Date(Date.now() + 3_600_000) }),
    });

  it("signs for the service kindred, and sends no cookie", async () => {
    const sent: [string, RequestInit][] = [];
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      sent.push([url, init]);
      return Response.json({ Jobs: [] });
    });
    await client().call("ListJobs", { DomainName: "d", Kind: "Replay x" } as never);
    const [url, init] = sent[0] ?? ["", {}];
    const headers = init.headers as Record<string, string>;
    expect(url).toBe("/domains/d/jobs?kind=Replay%20x");
    expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=ASIA1\/\d{8}\/eu-west-1\/kindred\/aws4_request, SignedHeaders=.*host.*, Signature=[0-9a-f]{64}$/);
    expect(headers["x-amz-security-token"]).toBe("token");
    expect(headers.host).toBeUndefined();
    expect(init.credentials).toBe("omit");
  });

  it("makes an error of a refusal, in the form of the SDK's", async () => {
    vi.stubGlobal("fetch", async () =>
      Response.json({ Message: "no such domain" }, { status: 404, headers: { "x-amzn-errortype": "ResourceNotFoundException:http://x", "x-amzn-requestid": "r1" } }),
    );
    await expect(client().call("ListJobs", { DomainName: "d" })).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "no such domain",
      $metadata: { httpStatusCode: 404, requestId: "r1" },
    });
  });
});
