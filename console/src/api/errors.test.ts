import { expect, it } from "vitest";
import { NotSignedIn, SessionError } from "../session/session";
import { explain } from "./errors";

const service = (name: string, status: number, message = "m", requestId = "r"): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status, requestId } });

it("names the permission that is missing, and on what", () => {
  const message = "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: profile:CreateDomain on resource: arn:aws:profile:us-east-1:000000000000:domains/d because no identity-based policy allows it";
  expect(explain(service("AccessDeniedException", 403, message))).toEqual({
    kind: "denied",
    message,
    requestId: "r",
    action: "profile:CreateDomain",
    resource: "arn:aws:profile:us-east-1:000000000000:domains/d",
  });
  expect(explain(service("AccessDenied", 403, "no")).kind).toBe("denied");
});

it("tells kinds of errors apart", () => {
  const kinds = {
    notFound: [service("ResourceNotFoundException", 404), service("QueueDoesNotExist", 400), service("NotFoundException", 400)],
    busy: [service("ThrottlingException", 429), service("TooManyRequestsException", 400), new SessionError("TooManyAttempts", "m", 3)],
    exists: [service("BadRequestException", 400, "Domain d already exists"), service("QueueNameExists", 400), service("AlreadyExistsException", 400)],
    invalid: [service("BadRequestException", 400), service("InvalidParameterValue", 400)],
    notImplemented: [service("NotImplementedException", 501)],
    internal: [service("InternalServerException", 500), new Error("x"), "x", undefined],
    network: [new TypeError("Failed to fetch"), Object.assign(new Error("t"), { name: "TimeoutError" })],
    signedOut: [new NotSignedIn(), service("UnrecognizedClientException", 403), service("ExpiredTokenException", 403)],
  };
  for (const [kind, errors] of Object.entries(kinds)) for (const e of errors) expect(explain(e).kind, String(e)).toBe(kind);
});

it("shows nothing of an exception of the console itself", () => {
  expect(explain(new Error("cannot read properties of undefined")).message).toBe("");
  expect(explain(new TypeError("Failed to fetch")).message).toBe("");
});
