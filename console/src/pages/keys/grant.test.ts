import type { GrantConstraints } from "@aws-sdk/client-kms";
import { expect, it } from "vitest";
import { constraintsOf, granteeOf, granteePattern } from "./grant";

it("names who has a grant", () => {
  expect(granteeOf({ GranteeServicePrincipal: "profile.amazonaws.com" })).toEqual({ kind: "profiles" });
  expect(granteeOf({ GranteePrincipal: "profile.amazonaws.com" })).toEqual({ kind: "profiles" });
  expect(granteeOf({ GranteePrincipal: "arn:aws:iam::000000000000:user/dept/ann" })).toEqual({ kind: "other", name: "dept/ann" });
  expect(granteeOf({ GranteePrincipal: "arn:aws:iam::000000000000:root" })).toEqual({ kind: "other", name: "arn:aws:iam::000000000000:root" });
});

it("tells what a grant is only for", () => {
  const names = new Map([["1f", "shop"]]);
  const of = (Constraints: GrantConstraints) => constraintsOf({ Constraints }, names);
  expect(constraintsOf({}, names)).toEqual({ pairs: [] });
  expect(of({ SourceArn: "arn:aws:profile:us-east-1:000000000000:domains/shop", EncryptionContextSubset: { a: "1" } })).toEqual({ domain: "shop", pairs: ["a = 1"] });
  expect(of({ EncryptionContextEquals: { "aws:profile:domain-id": "1f" } })).toEqual({ domain: "shop", pairs: [] });
  expect(of({ EncryptionContextEquals: { "aws:profile:domain-id": "2f" } })).toEqual({ domain: null, pairs: [] });
  expect(of({ SourceArn: "arn:aws:x:y" })).toEqual({ source: "arn:aws:x:y", pairs: [] });
});

it("takes ARNs of principals and names of services for grantees", () => {
  for (const ok of ["arn:aws:iam::000000000000:user/ann", "arn:aws:sts::000000000000:assumed-role/r/s", "arn:aws:iam::000000000000:root", "profile.amazonaws.com"]) expect(ok).toMatch(granteePattern);
  for (const bad of ["", "ann", "arn:aws:iam::1:user/ann", "arn:aws:s3:::bucket"]) expect(bad).not.toMatch(granteePattern);
});
