import { Sha256 } from "@aws-crypto/sha256-browser";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";
import { type ClientConfig, clientOf, refusal } from "./clients";
import { type Operations, type Wire, operations } from "./kindred.types";

/** An answer that is not a success, in the form of the SDK's errors. */
export class KindredServiceError extends Error {
  readonly $metadata: { httpStatusCode: number; requestId: string | undefined };

  constructor(name: string, message: string, httpStatusCode: number, requestId: string | undefined) {
    super(message);
    this.name = name;
    this.$metadata = { httpStatusCode, requestId };
  }
}

/**
 * Calls operations of a service in REST-JSON, signed with Signature Version 4 as the
 * SDK signs, for services and operations that the SDK has no client for. Timestamps
 * are Dates.
 */
export class RestClient {
  readonly #config: ClientConfig;
  readonly #signer: SignatureV4;

  constructor(config: ClientConfig, service: string) {
    this.#config = config;
    this.#signer = new SignatureV4({ service, region: config.region, credentials: config.credentials, sha256: Sha256 });
  }

  /** Makes a call. Refusals are {@link KindredServiceError}s. */
  async send(wire: Wire, input: Record<string, unknown>, options: { signal?: AbortSignal } = {}): Promise<unknown> {
    const url = new URL(this.#config.endpoint);
    const { path, query, body } = encode(wire, input);
    const request = new HttpRequest({
      method: wire.method,
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port && { port: Number(url.port) }),
      path,
      query,
      headers: { host: url.host, ...(body && { "content-type": "application/json" }) },
      body,
    });
    const signed = await this.#signer.sign(request);
    const { host: _, ...headers } = signed.headers; // the browser writes it, and lets nobody else
    const search = new URLSearchParams(query).toString().replaceAll("+", "%20");
    const answer = await fetch(path + (search && "?" + search), {
      method: wire.method,
      headers,
      ...(body && { body }),
      ...(options.signal && { signal: options.signal }),
      credentials: "omit",
      cache: "no-store",
    });
    const text = await answer.text();
    if (!answer.ok) throw await refusal(failure(answer, text));
    return decode(wire, text ? JSON.parse(text) : {});
  }

  /** A URL that is signed for one minute, for what can send no headers, such as an EventSource. */
  async presigned(path: string, query: Record<string, string>): Promise<string> {
    const url = new URL(this.#config.endpoint);
    const request = new HttpRequest({ method: "GET", protocol: url.protocol, hostname: url.hostname, ...(url.port && { port: Number(url.port) }), path, query, headers: { host: url.host } });
    const signed = await this.#signer.presign(request, { expiresIn: 60 });
    const search = Object.entries(signed.query ?? {}).map(([name, value]) => `${escape(name)}=${escape(String(value))}`);
    return `${path}?${search.join("&")}`;
  }
}

/** Calls Kindred's own operations, those of the service "kindred" (api/kindred.json). */
export class KindredClient extends RestClient {
  constructor(config: ClientConfig) {
    super(config, "kindred");
  }

  /** Calls an operation. */
  async call<Op extends keyof Operations>(op: Op, input: Operations[Op]["input"], options: { signal?: AbortSignal } = {}): Promise<Operations[Op]["output"]> {
    return (await this.send(operations[op], input as unknown as Record<string, unknown>, options)) as Operations[Op]["output"];
  }
}

/** Splits an input into what goes into the path, the query string and the body. */
export function encode(wire: Wire, input: Record<string, unknown>): { path: string; query: Record<string, string>; body: string | undefined } {
  const rest = { ...input };
  const path = wire.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(rest[name] ?? "");
    delete rest[name];
    if (!value) throw new Error(`${name} is missing in a call of ${wire.method} ${wire.path}`);
    return escape(value);
  });
  const query: Record<string, string> = {};
  for (const [member, name] of Object.entries(wire.query)) {
    const value = rest[member];
    delete rest[member];
    if (value !== undefined) query[name] = value instanceof Date ? value.toISOString() : String(value);
  }
  if (wire.method === "GET" || wire.method === "DELETE") return { path, query, body: undefined };
  // toJSON of a Date runs before a replacer sees it, so the original is looked up.
  const body = JSON.stringify(rest, function (this: Record<string, unknown>, key: string, value: unknown) {
    const original = this[key];
    return original instanceof Date ? original.getTime() / 1000 : value;
  });
  return { path, query, body };
}

/** Escapes all that RFC 3986 does not call unreserved. */
const escape = (s: string): string => encodeURIComponent(s).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

/** Makes Dates of the timestamps of an answer. */
export function decode(wire: Wire, answer: unknown): unknown {
  for (const path of wire.times) at(answer, path.split("."));
  return answer;
}

function at(value: unknown, path: string[]): void {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== "object" || value === null) return;
  const holder = value as Record<string, unknown>;
  for (const key of step === "*" ? Object.keys(holder) : [step]) {
    const inner = holder[key];
    if (rest.length > 0) at(inner, rest);
    else if (typeof inner === "number") holder[key] = new Date(inner * 1000);
  }
}

function failure(answer: Response, text: string): KindredServiceError {
  let body: { __type?: string; Message?: string; message?: string } = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // No JSON: something in between answered. The status says what there is to say.
  }
  const name = (answer.headers.get("x-amzn-errortype") ?? body.__type ?? "").split(":")[0]?.split("#").pop() ?? "";
  return new KindredServiceError(name, body.Message ?? body.message ?? "", answer.status, answer.headers.get("x-amzn-requestid") ?? undefined);
}

/** Kindred's own operations on this server. */
export const kindred = (): KindredClient => clientOf(KindredClient);
