import { describe, expect, it } from "vitest";
import { type QueueForm, attributes, basicPolicy, faults, renamed, withProfiles, wrongPrincipal } from "./form";

const place = { region: "us-east-1", accountId: "000000000000" };
const form: QueueForm = {
  name: "dlq",
  retention: "14",
  visibility: "30",
  kind: "basic",
  senders: { who: "owner", lines: "" },
  receivers: { who: "owner", lines: "" },
  policy: "",
  domain: "care",
};
type Policy = { Statement: { Sid: string; Principal: unknown; Resource: string; Condition?: unknown }[] };
const parse = (text: string | null) => JSON.parse(text ?? "null") as Policy;

describe("faults", () => {
  it("finds none in a form that is right", () => expect([...faults(form)]).toEqual([]));
  it("finds fields that break a rule", () => {
    expect([...faults({ ...form, name: "a.fifo", retention: "15", visibility: "x" })]).toEqual(["name", "retention", "visibility"]);
    expect([...faults({ ...form, senders: { who: "others", lines: " \n" }, receivers: { who: "others", lines: "me" } })]).toEqual(["senders", "receivers"]);
    expect([...faults({ ...form, kind: "advanced", policy: "[]" })]).toEqual(["policy"]);
    expect([...faults({ ...form, kind: "advanced", policy: "" })]).toEqual([]);
  });
  it("names the line that is no principal", () => {
    expect(wrongPrincipal({ who: "others", lines: "111122223333\narn:aws:iam::111122223333:user/a/b\nbob" })).toBe("bob");
  });
});

describe("a policy", () => {
  it("is none when only the owner may do anything", () => {
    expect(attributes(form, place)).toEqual({ MessageRetentionPeriod: "1209600", VisibilityTimeout: "30" });
  });
  it("names who may send and receive", () => {
    const { Statement } = parse(basicPolicy({ ...form, senders: { who: "others", lines: "111122223333" }, receivers: { who: "others", lines: "arn:aws:iam::111122223333:role/r" } }, place));
    expect(Statement.map((s) => [s.Sid, s.Principal, s.Resource])).toEqual([
      ["__sender_statement", { AWS: ["arn:aws:iam::111122223333:root"] }, "arn:aws:sqs:us-east-1:000000000000:dlq"],
      ["__receiver_statement", { AWS: ["arn:aws:iam::111122223333:role/r"] }, "arn:aws:sqs:us-east-1:000000000000:dlq"],
    ]);
  });
  it("lets Customer Profiles send for one domain of one account", () => {
    const [statement] = parse(withProfiles(form, place)).Statement;
    expect(statement).toEqual({
      Sid: "AllowCustomerProfiles",
      Effect: "Allow",
      Principal: { Service: "profile.amazonaws.com" },
      Action: ["sqs:SendMessage"],
      Resource: "arn:aws:sqs:us-east-1:000000000000:dlq",
      Condition: { ArnEquals: { "aws:SourceArn": "arn:aws:profile:us-east-1:000000000000:domains/care" }, StringEquals: { "aws:SourceAccount": "000000000000" } },
    });
  });
  it("cannot be written without names, nor over what cannot be read", () => {
    expect(withProfiles({ ...form, domain: "" }, place)).toBeNull();
    expect(withProfiles({ ...form, name: "" }, place)).toBeNull();
    expect(withProfiles({ ...form, kind: "advanced", policy: "{" }, place)).toBeNull();
  });
  it("follows the queue's name", () => {
    const policy = withProfiles({ ...form, kind: "advanced" }, place) ?? "";
    expect(parse(renamed({ ...form, policy }, "other", place).policy).Statement[0]?.Resource).toBe("arn:aws:sqs:us-east-1:000000000000:other");
  });
});
