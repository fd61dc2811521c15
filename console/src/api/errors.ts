import { NotSignedIn, SessionError } from "../session/session";

/** What an error means for whoever sees it. */
export type Kind = "denied" | "notFound" | "invalid" | "exists" | "busy" | "network" | "signedOut" | "notImplemented" | "internal";

/** An error of a call, taken apart. */
export interface Explained {
  kind: Kind;
  /** The server's own sentence; empty where it has none. */
  message: string;
  /** The permission that is missing, such as profile:CreateDomain. */
  action?: string;
  /** What the permission is missing on, as an ARN. */
  resource?: string;
  /** By which the server's log tells of the call. */
  requestId?: string;
}

interface ServiceError extends Error {
  $metadata?: { httpStatusCode?: number; requestId?: string };
}

/** Errors by which a server says that it does not take the credentials (any more). */
const dead = new Set(["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"]);

/** Reports whether a call failed because its credentials are not valid any more. */
export function isDead(e: unknown): boolean {
  return e instanceof Error && dead.has(e.name);
}

/** Says what an error of a call is. It knows those of the SDK, the kindred client, the session, and fetch. */
export function explain(e: unknown): Explained {
  if (e instanceof NotSignedIn || isDead(e)) return { kind: "signedOut", message: "" };
  if (e instanceof SessionError) return { kind: e.code === "TooManyAttempts" ? "busy" : "invalid", message: e.message };
  if (!(e instanceof Error)) return { kind: "internal", message: "" };
  const { httpStatusCode: status, requestId } = (e as ServiceError).$metadata ?? {};
  const common = { message: status ? e.message : "", ...(requestId && { requestId }) };
  if (!status) {
    // fetch rejects with a TypeError, and the SDK passes that on, or its own timeout.
    const unreachable = e instanceof TypeError || e.name === "TimeoutError" || e.name === "NetworkingError";
    return { ...common, kind: unreachable ? "network" : "internal" };
  }
  const denied = /not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?/.exec(e.message);
  if (denied || /^AccessDenied/.test(e.name)) {
    return { ...common, kind: "denied", ...(denied?.[1] && { action: denied[1] }), ...(denied?.[2] && { resource: denied[2] }) };
  }
  return { ...common, kind: kindOf(e.name, status, e.message) };
}

function kindOf(name: string, status: number, message: string): Kind {
  if (status === 429 || /Throttling|TooManyRequests|OverLimit/.test(name)) return "busy";
  if (status === 501) return "notImplemented";
  if (status >= 500) return "internal";
  if (status === 404 || /NotFound|NonExistent|DoesNotExist/.test(name)) return "notFound";
  if (/AlreadyExists|Duplicate|NameExists/.test(name) || /already exists/.test(message)) return "exists";
  return "invalid";
}
