import { describe, expect, it } from "vitest";
import { leavesOf } from "./sample";
import { compileSource } from "./source";
import { Fault } from "./fault";
import { suggestSources, suggestTargets } from "./suggest";
import { compileTarget } from "./target";

const context = { field: "shoeSize", taken: new Set<string>(), identifiers: new Set(["PROFILE", "ORDER"]), attributes: ["_profile.Attributes.tier"] };
const flat = (typed: string, c = context): string[] => suggestTargets(typed, c).flatMap((g) => g.targets);

describe("suggested targets", () => {
  it("are those whose words begin as typed, the nearest first", () => {
    expect(flat("first").slice(0, 1)).toEqual(["_profile.FirstName"]);
    expect(flat("billing city")).toContain("_profile.BillingAddress.City");
    expect(flat("_order.OrderItems").slice(0, 3)).toEqual(["_order.OrderItems[].Title", "_order.OrderItems[].Price", "_order.OrderItems[].Quantity"]);
    expect(flat("tier")[0]).toBe("_profile.Attributes.tier");
    expect(flat("zzz")).toEqual([]);
  });

  it("have an attribute of the field's own name for every object, and those that the domain has", () => {
    expect(flat("shoe").slice(0, 2)).toEqual(["_profile.Attributes.shoeSize", "_order.Attributes.shoeSize"]);
    expect(flat("attributes", { ...context, field: "" })).toEqual(["_profile.Attributes.tier"]);
  });

  it("leave out what is taken or reserved, and begin with the objects that have keys", () => {
    expect(flat("", { ...context, taken: new Set(["_profile.AccountNumber"]) })).not.toContain("_profile.AccountNumber");
    expect(flat("_profile.ProfileId")).not.toContain("_profile.ProfileId");
    expect(suggestTargets("status", context).map((g) => g.object).slice(0, 2)).toEqual(["_order", "_asset"]);
  });

  it("can be used", () => {
    for (const target of ["", "a", "e", "order"].flatMap((t) => flat(t))) expect(compileTarget(target), target).not.toBeInstanceOf(Fault);
  });
});

const leaves = leavesOf([{ id: 7, name: { first: "Ada", "last name": "Lovelace" }, items: [{ sku: "x" }], tags: ["a"], "br]acket": 1 }]);
const values = (typed: string): string[] => suggestSources(typed, leaves).map((s) => s.value);

describe("suggested sources", () => {
  it("are the places of the sample, with what is there", () => {
    expect(suggestSources("", leaves)).toEqual([
      { value: "_source.id", detail: "7" },
      { value: "_source.name.first", detail: "Ada" },
      { value: "_source.name.last name", detail: "Lovelace" },
      { value: "_source.items[].sku", detail: "x, …" },
      { value: "_source.tags[]", detail: '["a"]' },
      { value: "_source['br]acket']", detail: "1" },
    ]);
    expect(values("fir")).toEqual(["_source.name.first"]);
  });

  it("complete a template", () => {
    expect(values("VIP-{{_source.name.f")).toEqual(["VIP-{{_source.name.first}}"]);
    expect(values("{{_source.id}} {{last")).toEqual(["{{_source.id}} {{_source.name.[last name]}}"]);
    expect(values("{{#")).toEqual(["{{#if ", "{{#unless ", "{{#each ", "{{#with ", "{{#removeExtraSpace}}{{/removeExtraSpace}}"]);
    expect(values("{{#if fir")).toEqual(["{{#if _source.name.first}}{{/if}}"]);
    expect(values("{{#nope fir")).toEqual([]);
    expect(values("{{_source.id}} and")).toEqual([]);
  });

  it("can be used", () => {
    for (const source of ["", "{{", "{{#if ", "{{#each _source", "{{#removeExtraSpace"].flatMap(values).filter((v) => !v.endsWith(" "))) {
      expect(compileSource(source), source).not.toBeInstanceOf(Fault);
    }
  });
});
