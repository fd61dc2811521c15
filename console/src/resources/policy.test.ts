import { describe, expect, it } from "vitest";
import { NotAPolicy, addStatement, readRefusal, serviceStatement } from "./policy";

const statement = serviceStatement(["sqs:SendMessage"], "arn:aws:sqs:us-east-1:000000000000:dlq", "arn:aws:profile:us-east-1:000000000000:domains/d", "000000000000");
const parse = (text: string) => JSON.parse(text) as { Version?: string; Id?: string; Statement: { Sid?: string; Effect?: string }[] };

describe("addStatement", () => {
  it("makes a policy where there is none", () => {
    expect(parse(addStatement("", statement))).toEqual({ Version: "2012-10-17", Statement: [statement] });
  });
  it("keeps what is there, also when it is one statement without a list", () => {
    const own = { Effect: "Deny", Principal: "*", Action: "sqs:*", Resource: "*" };
    expect(parse(addStatement(JSON.stringify({ Version: "2008-10-17", Id: "x", Statement: own }), statement))).toEqual({ Version: "2008-10-17", Id: "x", Statement: [own, statement] });
  });
  it("adds nothing twice, and gives no name twice", () => {
    const once = addStatement(undefined, statement);
    expect(addStatement(once, { ...statement, Sid: "Other" })).toBe(once);
    const forOther = serviceStatement(["sqs:SendMessage"], "arn:aws:sqs:us-east-1:000000000000:dlq", "arn:aws:profile:us-east-1:000000000000:domains/e", "000000000000");
    expect(parse(addStatement(once, forOther)).Statement.map((s) => s.Sid)).toEqual(["AllowCustomerProfiles", "AllowCustomerProfiles2"]);
  });
  it("does not overwrite what it cannot read", () => {
    for (const text of ["{", "[]", "3"]) expect(() => addStatement(text, statement), text).toThrow(NotAPolicy);
  });
});

describe("readRefusal", () => {
  it("reads that of a queue", () => {
    const text = `DeadLetterQueueUrl: the policy of the queue does not let Customer Profiles send to it. There is no policy. Add this statement to the policy: ${JSON.stringify(statement, null, 2)}`;
    expect(readRefusal(text)).toEqual({
      on: "queue",
      arn: "arn:aws:sqs:us-east-1:000000000000:dlq",
      why: "DeadLetterQueueUrl: the policy of the queue does not let Customer Profiles send to it. There is no policy",
      statement,
    });
  });
  it("reads that of a key", () => {
    const arn = "arn:aws:kms:us-east-1:000000000000:key/0a1b";
    const forKey = serviceStatement(["kms:GenerateDataKey", "kms:Decrypt"], "*", "arn:aws:profile:us-east-1:000000000000:domains/d", "000000000000");
    const text = `Customer Profiles may not use the KMS key ${arn}. Either call with kms:CreateGrant on the key, so that a grant can be made, or add this statement to its key policy: ${JSON.stringify(forKey, null, 2)}`;
    expect(readRefusal(text)).toEqual({ on: "key", arn, why: `Customer Profiles may not use the KMS key ${arn}`, statement: forKey });
  });
  it("is null for anything else", () => {
    for (const text of ["", "The KMS key k is not enabled", "Add this statement: {", 'Add this statement: {"Action": "s3:PutObject"}', "DeadLetterQueueUrl: the queue does not exist"])
      expect(readRefusal(text), text).toBeNull();
  });
});
