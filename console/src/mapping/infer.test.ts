import { describe, expect, it } from "vitest";
import { texts } from "../i18n/text";
import { check, whole } from "./check";
import { draftOf } from "./draft";
import { guessKind, infer, timeFormatOf } from "./infer";
import catalogue from "./messages";
import { leavesOf, recordsIn, sourceOf } from "./sample";

const en = texts(catalogue, "en");
const none = new Map<string, string>();

function made(name: string, kind: Parameters<typeof infer>[1], record: unknown, domain = none) {
  const definition = infer(name, kind, Array.isArray(record) ? record : [record], domain);
  const problems = check(name, draftOf({ ...definition, Description: "d" }), { keys: domain }).map((p) => whole(p, en));
  return { ...definition, problems };
}

describe("an object type from a sample", () => {
  it("of a person", () => {
    const d = made("Member", "_profile", {
      id: "M-1",
      firstName: "Ada",
      last_name: "Lovelace",
      "E-Mail": "ada@example.org",
      mobile: "+1 206 555 0100",
      address: { street: "1 Main St", city: "Seattle", zip: "98101", country: "US" },
      tier: "gold",
      points: 1200,
      tags: ["a", "b"],
      updatedAt: "2026-01-02T03:04:05.678Z",
    });
    expect(d.problems).toEqual([]);
    expect(d.Fields).toEqual({
      id: { Source: "_source.id", Target: "_profile.Attributes.id" },
      firstName: { Source: "_source.firstName", Target: "_profile.FirstName", ContentType: "NAME" },
      lastName: { Source: "_source.last_name", Target: "_profile.LastName", ContentType: "NAME" },
      eMail: { Source: "_source.E-Mail", Target: "_profile.EmailAddress", ContentType: "EMAIL_ADDRESS" },
      mobile: { Source: "_source.mobile", Target: "_profile.MobilePhoneNumber", ContentType: "PHONE_NUMBER" },
      street: { Source: "_source.address.street", Target: "_profile.Address.Address1" },
      city: { Source: "_source.address.city", Target: "_profile.Address.City" },
      zip: { Source: "_source.address.zip", Target: "_profile.Address.PostalCode" },
      country: { Source: "_source.address.country", Target: "_profile.Address.Country" },
      tier: { Source: "_source.tier", Target: "_profile.Attributes.tier" },
      points: { Source: "_source.points", Target: "_profile.Attributes.points", ContentType: "NUMBER" },
      tagList: { Source: "{{_source.tags}}", Target: "_profile.Attributes.tags" },
      updatedAt: { Source: "_source.updatedAt", Target: "_profile.SourceLastUpdatedTimestamp" },
      fullName: { Source: "{{#removeExtraSpace}}{{_source.firstName}} {{_source.last_name}}{{/removeExtraSpace}}", ContentType: "NAME" },
    });
    expect(d.SourceLastUpdatedTimestampFormat).toBe("yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
    expect(d.AllowProfileCreation).toBe(true);
    expect(d.Keys).toEqual({
      memberId: [{ StandardIdentifiers: ["PROFILE", "UNIQUE"], FieldNames: ["id"] }],
      _email: [{ StandardIdentifiers: ["PROFILE", "SECONDARY"], FieldNames: ["eMail"] }],
      _phone: [{ FieldNames: ["mobile"] }],
      _fullName: [{ FieldNames: ["fullName"] }],
    });
  });

  it("of a person, in Portuguese", () => {
    const d = made("Cliente", "_profile", {
      cpf: "000.000.000-00",
      nome: "Ana",
      sobrenome: "Souza",
      email: "ana@example.org",
      telefone: "(11) 5555-0100",
      celular: "11 95555-0101",
      "endereço": { logradouro: "Rua A, 1", bairro: "Centro", cidade: "São Paulo", uf: "SP", cep: "01000-000", "país": "BR" },
      "data nascimento": "1990-02-03",
      observação: "x",
    });
    expect(d.problems).toEqual([]);
    expect(Object.fromEntries(Object.entries(d.Fields ?? {}).map(([n, f]) => [n, f.Target]))).toEqual({
      cpf: "_profile.Attributes.cpf",
      nome: "_profile.FirstName",
      sobrenome: "_profile.LastName",
      email: "_profile.EmailAddress",
      telefone: "_profile.PhoneNumber",
      celular: "_profile.MobilePhoneNumber",
      logradouro: "_profile.Address.Address1",
      bairro: "_profile.Address.Address3",
      cidade: "_profile.Address.City",
      uf: "_profile.Address.State",
      cep: "_profile.Address.PostalCode",
      pais: "_profile.Address.Country",
      dataNascimento: "_profile.BirthDate",
      observacao: "_profile.AdditionalInformation",
      fullName: undefined,
    });
    expect(Object.keys(d.Keys ?? {})).toEqual(["clienteCpf", "_email", "_phone", "_fullName"]);
  });

  it("of an order, which finds its customer by the key that the domain has", () => {
    const record = {
      order_id: 1001,
      customer: { memberId: "M-1", email: "ada@example.org", firstName: "Ada" },
      total_price: "19.90",
      currency: "USD",
      created_at: "2026-01-02T03:04:05Z",
      updated_at: "2026-01-03T03:04:05Z",
      shipping_address: { city: "Seattle" },
      line_items: [{ title: "Hat", price: "9.95", qty: 2 }],
      gift: true,
    };
    expect(guessKind("Purchase", [record])).toBe("_order");
    const d = made("ShopOrder", "_order", record, new Map([["memberId", "STRING"]]));
    expect(d.problems).toEqual([]);
    expect(d.Fields).toMatchObject({
      orderId: { Source: "_source.order_id" },
      totalPrice: { Source: "_source.total_price", Target: "_order.TotalPrice" },
      updatedAt: { Target: "_order.UpdatedDate" },
      sourceUpdated: { Source: "_source.updated_at", Target: "_order.SourceLastUpdatedTimestamp" },
      city: { Target: "_order.ShippingAddress.City" },
      title: { Source: "_source.line_items[].title", Target: "_order.OrderItems[].Title" },
      qty: { Source: "_source.line_items[].qty", Target: "_order.OrderItems[].Quantity" },
      gift: { Target: "_order.Attributes.gift" },
      memberId: { Source: "_source.customer.memberId" },
      email: { Source: "_source.customer.email", ContentType: "EMAIL_ADDRESS" },
    });
    expect(d.Fields?.memberId?.Target).toBeUndefined();
    expect(d.Fields?.firstName).toBeUndefined();
    expect(d.Keys).toEqual({
      orderId: [{ StandardIdentifiers: ["ORDER", "UNIQUE"], FieldNames: ["orderId"] }],
      memberId: [{ StandardIdentifiers: ["PROFILE"], FieldNames: ["memberId"] }],
      _email: [{ StandardIdentifiers: ["PROFILE", "SECONDARY"], FieldNames: ["email"] }],
    });
  });

  it("is of a case or an asset where names say so", () => {
    expect(guessKind("Ticket", [{ id: 1, subject: "s", email: "a@b.co" }])).toBe("_case");
    expect(guessKind("Registration", [{ serial: "1", email: "a@b.co" }])).toBe("_asset");
    expect(guessKind("Member", [{ id: 1, firstName: "a", total: 3 }])).toBe("_profile");
    expect(guessKind("X", [])).toBe("_profile");
    const ticket = made("Ticket", "_case", { no: "7", email: "a@example.org", subject: "Late", opened_at: "2026-01-01" });
    expect(ticket.problems).toEqual([]);
    expect(ticket.Fields).toMatchObject({ subject: { Target: "_case.Title" }, openedAt: { Target: "_case.CreatedDate" } });
    expect(ticket.Keys).toEqual({
      ticketNo: [{ StandardIdentifiers: ["CASE", "UNIQUE"], FieldNames: ["no"] }],
      _email: [{ StandardIdentifiers: ["PROFILE"], FieldNames: ["email"] }],
    });
  });

  it("takes an address where nothing else identifies", () => {
    const d = made("Lead", "_profile", { name: "Ada Lovelace", email: "a@example.org" });
    expect(d.problems).toEqual([]);
    expect(d.Keys).toEqual({ _email: [{ StandardIdentifiers: ["PROFILE", "UNIQUE"], FieldNames: ["email"] }], _fullName: [{ FieldNames: ["name"] }] });
    expect(d.Fields?.name?.Target).toBe("_profile.FirstName");
  });

  it("says by its problems what it could not find", () => {
    expect(made("Blob", "_profile", { colour: "red" }).problems).toEqual(["Fields and Keys: both are required when there is no TemplateId"]);
    expect(made("Blob", "_profile", {}).problems).toHaveLength(1);
  });

  it("keeps to the rules whatever the record is", () => {
    const odd = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${i} ñ'.[${"x".repeat(i)}]`, i % 3 === 0 ? [{ a: i }] : { "": 1, tags: "t", Tags: "u", [`v${i}`]: "w" }]));
    const d = made("Odd", "_profile", { id: "1", ...odd, e1: "a@b.co", e2: "a@b.co", e3: "a@b.co", e4: "a@b.co", phone1: "206 555 0100", phones: ["2065550100"] });
    expect(d.problems).toEqual([]);
    expect(Object.keys(d.Fields ?? {}).length).toBeLessThanOrEqual(250);
  });

  it("does not take for an identity what is not one", () => {
    const d = made("Visit", "_profile", [
      { id: "1", email: "a@example.org", code: "x" },
      { id: "1", email: "b@example.org", code: "x" },
    ]);
    expect(Object.keys(d.Keys ?? {})).toEqual(["_email"]);
  });

  it("gives a key another name where the domain's is of another type", () => {
    const d = made("Member", "_profile", { id: "1", email: "a@example.org" }, new Map([["memberId", "NUMBER"]]));
    expect(d.problems).toEqual([]);
    expect(d.Keys?.memberId2).toBeDefined();
  });
});

it("reads the format of times that leave no doubt", () => {
  for (const [value, format] of [
    ["2026-01-02", "yyyy-MM-dd"],
    ["2026-01-02T03:04:05Z", "yyyy-MM-dd'T'HH:mm:ssXXX"],
    ["2026-01-02T03:04:05.1234567+01:00", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSXXX"],
    ["2026-01-02T03:04:05+0100", "yyyy-MM-dd'T'HH:mm:ssZ"],
    ["2026-01-02T03:04:05-03", "yyyy-MM-dd'T'HH:mm:ssX"],
    ["2026-01-02 03:04", "yyyy-MM-dd HH:mm"],
    ["1767323045678", "EpochMilli"],
    [1767323045678, "EpochMilli"],
    [1767323045, undefined],
    ["01/02/2026", undefined],
    [true, undefined],
  ] as const) {
    expect(timeFormatOf([value]), String(value)).toBe(format);
  }
  expect(timeFormatOf(["2026-01-02", "2026-01-02T03:04:05Z"])).toBeUndefined();
});

describe("samples", () => {
  it("have places, written as sources", () => {
    const record = { a: 1, "b c": { "d.e": "x", "f'": "y" }, l: [{ m: { n: 1 } }], s: [1, 2], none: null, empty: "", deep: [[1]], "": 3 };
    expect(leavesOf([record]).map(sourceOf)).toEqual(["_source.a", "_source.b c['d.e']", "_source.b c.f'", "_source.l[].m.n", "_source.s[]", "_source.deep[]"]);
  });

  it("come as one record, an array, or lines", () => {
    expect(recordsIn('{"a":1}')).toEqual([{ a: 1 }]);
    expect(recordsIn('[{"a":1},{"a":2}]')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(recordsIn('{"a":1}\n\n{"a":2}\n')).toEqual([{ a: 1 }, { a: 2 }]);
    for (const text of ["", "x", "[1]", "[]", '{"a":1}\nx', "null"]) expect(recordsIn(text), text).toBeUndefined();
  });
});
