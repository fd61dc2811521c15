import { expect, it } from "vitest";
import { constraintsOf, granteeOf, granteePattern } from "./grant";

it("names who has a grant", () => {
  expect(granteeOf({ GranteeServicePrincipal: "profile.amazonaws.com" })).toEqual({ kind: "profiles" });
  expect(granteeOf({ GranteePrincipal: "profile.amazonaws.com" })).toEqual({ kind: "profiles" });
  expect(granteeOf({ GranteePrincipal: "arn:aws:iam::000000000000:user/dept/ann" })).toEqual({ kind: "other", name: "dept/ann" });
  expect(granteeOf({ GranteePrincipal: "arn:aws:iam::000000000000:root" })).toEqual({ kind: "other", name: "arn:aws:iam::000000000000:root" });
});

it("tells what a grant is only for", () => {
  expect(constraintsOf({})).toEqual({ domain: undefined, source: undefined, pairs: [] });
  expect(constraintsOf({ Constraints: { SourceArn: "arn:aws:profile:us-east-1:000000000000:domains/shop", EncryptionContextSubset: { a: "1" } } })).toEqual({
    domain: "shop",
    source: undefined,
    pairs: ["a = 1"],
  });
  expect(constraintsOf({ Constraints: { SourceArn: "arn:aws:x:y" } }).source).toBe("arn:aws:x:y");
});

it("takes ARNs of principals and names of services for grantees", () => {
  for (const ok of ["arn:aws:iam::000000000000:user/ann", "arn:aws:sts::000000000000:assumed-role/r/s", "arn:aws:iam::000000000000:root", "profile.amazonaws.com"]) expect(ok).toMatch(granteePattern);
  for (const bad of ["", "ann", "arn:aws:iam::1:user/ann", "arn:aws:s3:::bucket"]) expect(bad).not.toMatch(granteePattern);
});
