import { expect, it } from "vitest";
import type { DataKey, EncryptionKeys, GetDomainEncryptionResponse } from "../api/kindred.types";
import { usesOf } from "./encryption";

const arn = (id: string): string => `arn:aws:kms:us-east-1:000000000000:key/${id}`;
const dataKey = (id?: string): DataKey => ({ Number: 1, CreatedAt: new Date(0), State: "IN_FORCE", KmsKeyState: "ENABLED", ...(id && { KmsKeyId: arn(id) }) });
const keys = (some: Partial<EncryptionKeys>): EncryptionKeys => ({ DataKeys: [], ...some });

it("finds the domain and the object types whose values are under a key", () => {
  const e: GetDomainEncryptionResponse = {
    DomainName: "d",
    Domain: keys({ KmsKeyId: arn("k"), DataKeys: [dataKey("k")] }),
    ObjectTypes: [keys({ ObjectTypeName: "Own", KmsKeyId: arn("other") }), keys({ ObjectTypeName: "Same", KmsKeyId: arn("k") })],
    Warnings: [],
  };
  expect(usesOf(e, ["k"]).map((u) => u.objectType)).toEqual([undefined, "Same"]);
  expect(usesOf(e, ["other"]).map((u) => u.objectType)).toEqual(["Own"]);
  expect(usesOf(e, ["none"])).toEqual([]);
});

it("counts values that are yet to be sealed under another key", () => {
  const e: GetDomainEncryptionResponse = { DomainName: "d", Domain: keys({ KmsKeyId: arn("new"), DataKeys: [dataKey("new"), dataKey("old"), dataKey()] }), ObjectTypes: [], Warnings: [] };
  expect(usesOf(e, ["old"])).toHaveLength(1);
});

it("knows a key by the alias that a domain calls it", () => {
  const alias = "arn:aws:kms:us-east-1:000000000000:alias/shop";
  const e: GetDomainEncryptionResponse = { DomainName: "d", Domain: keys({ KmsKeyId: alias }), ObjectTypes: [], Warnings: [] };
  expect(usesOf(e, ["k", alias])).toHaveLength(1);
});
