import { describe, expect, it } from "vitest";
import { type KeyForm, faults, keyPolicy, wrongTag } from "./form";

const place = { region: "us-east-1", accountId: "000000000000" };
const form: KeyForm = { alias: "care/profiles", description: "", tags: [], administrators: [], deletion: true, users: [], domain: "", policy: undefined };
const statements = (f: KeyForm) => (JSON.parse(keyPolicy(f, place)) as { Statement: { Sid: string; Principal: unknown; Action: string | string[]; Condition?: unknown }[] }).Statement;

describe("a key policy", () => {
  it("lets the account give permissions on the key, and nobody else anything", () => {
    expect(statements(form)).toEqual([{ Sid: "Enable IAM User Permissions", Effect: "Allow", Principal: { AWS: "arn:aws:iam::000000000000:root" }, Action: "kms:*", Resource: "*" }]);
  });
  it("names administrators, who may delete the key only if that was chosen", () => {
    const administrators = ["arn:aws:iam::000000000000:user/ann"];
    expect(statements({ ...form, administrators })[1]?.Action).toContain("kms:ScheduleKeyDeletion");
    expect(statements({ ...form, administrators, deletion: false })[1]?.Action).not.toContain("kms:ScheduleKeyDeletion");
  });
  it("lets users use it, and services for them", () => {
    const all = statements({ ...form, users: ["arn:aws:iam::000000000000:role/agents"] });
    expect(all.map((s) => s.Sid).slice(1)).toEqual(["Allow use of the key", "Allow attachment of persistent resources"]);
    expect(all[2]?.Condition).toEqual({ Bool: { "kms:GrantIsForAWSResource": "true" } });
  });
  it("lets Customer Profiles use it for one domain of one account", () => {
    expect(statements({ ...form, domain: "care" })[1]).toMatchObject({
      Principal: { Service: "profile.amazonaws.com" },
      Condition: { ArnEquals: { "aws:SourceArn": "arn:aws:profile:us-east-1:000000000000:domains/care" }, StringEquals: { "aws:SourceAccount": "000000000000" } },
    });
  });
});

describe("faults", () => {
  it("finds none in a form that is right", () => expect([...faults(form)]).toEqual([]));
  it("finds what breaks a rule", () => {
    for (const alias of ["", "aws/x", "a b", "x".repeat(251)]) expect([...faults({ ...form, alias })], alias).toEqual(["alias"]);
    expect([...faults({ ...form, policy: "[" })]).toEqual(["policy"]);
    expect([...faults({ ...form, tags: [{ key: "", value: "x" }] })]).toEqual(["tags"]);
  });
  it("looks at each tag", () => {
    const tags = [
      { key: "a", value: "" },
      { key: "a", value: "" },
      { key: "aws:x", value: "" },
      { key: "b", value: "v".repeat(257) },
      { key: "c", value: "v" },
    ];
    expect(tags.map((_, i) => wrongTag(tags, i))).toEqual(["key", "key", "key", "value", undefined]);
  });
});
