import { describe, expect, it } from "vitest";
import { type EnableForm, choiceOf, suggestedName, withDomain } from "./form";

const form: EnableForm = {
  domain: { kind: "new", name: "d", days: "366", existing: undefined },
  queue: { kind: "none", url: undefined },
  key: { kind: "arn", key: undefined, arn: " arn:aws:kms:us-east-1:000000000000:key/0a1b " },
};

describe("choiceOf", () => {
  it("reads what was entered", () => {
    expect(choiceOf(form)).toEqual({ domain: { kind: "new", name: "d", days: 366 }, queue: "", key: "arn:aws:kms:us-east-1:000000000000:key/0a1b" });
    expect(choiceOf({ ...form, queue: { kind: "existing", url: "http://q" } })?.queue).toBe("http://q");
  });
  it("is null while something is missing or breaks a rule", () => {
    for (const wrong of [
      { domain: { ...form.domain, name: "" } },
      { domain: { ...form.domain, name: "a b" } },
      { domain: { ...form.domain, name: "a".repeat(65) } },
      { domain: { ...form.domain, days: "0" } },
      { domain: { ...form.domain, days: "1099" } },
      { domain: { ...form.domain, days: "1.5" } },
      { domain: { ...form.domain, kind: "existing" } },
      { queue: { kind: "existing", url: undefined } },
      { queue: { kind: "new", url: "http://q" } },
      { key: { kind: "existing", key: undefined, arn: "" } },
      { key: { kind: "arn", key: undefined, arn: "alias/x" } },
      { key: { kind: "new", key: undefined, arn: "" } },
    ] as Partial<EnableForm>[])
      expect(choiceOf({ ...form, ...wrong }), JSON.stringify(wrong)).toBeNull();
  });
});

it("keeps what an existing domain has until told otherwise", () => {
  const existing = withDomain(form, { ...form.domain, kind: "existing", existing: "e" });
  expect(choiceOf(existing)).toEqual({ domain: { kind: "existing", name: "e" }, queue: undefined, key: undefined });
  const again = withDomain(existing, { ...existing.domain, kind: "new" });
  expect([again.queue.kind, again.key.kind]).toEqual(["existing", "existing"]);
  const renamed = withDomain(form, { ...form.domain, name: "other" });
  expect([renamed.queue.kind, renamed.key.kind]).toEqual(["none", "arn"]);
});

it("suggests a name that the API takes", () => {
  expect(suggestedName("care")).toBe("amazon-connect-care");
  expect(suggestedName("x".repeat(60))).toHaveLength(64);
  expect(suggestedName(undefined)).toBe("amazon-connect-profiles");
});
