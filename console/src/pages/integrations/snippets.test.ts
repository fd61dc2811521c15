import { expect, it } from "vitest";
import { type Destination, firehoseAddress, firehosePolicy, ingestCommand, putCommand, shellWord } from "./snippets";

const to: Destination = { origin: "https://kindred.example.org", region: "us-east-1", domain: "shop", domainArn: "arn:aws:profile:us-east-1:000000000000:domains/shop", objectType: "Member" };

it("quotes what a shell would take apart", () => {
  expect(shellWord("a-b_c.d/e:f")).toBe("a-b_c.d/e:f");
  expect(shellWord("it's $x")).toBe(`'it'\\''s $x'`);
});

it("names the domain and the object type", () => {
  expect(firehoseAddress(to)).toBe("https://kindred.example.org/firehose/shop/Member");
  expect(ingestCommand(to)).toContain("--domain shop --object-type Member");
  expect(putCommand(to)).toContain("--domain-name shop --object-type-name Member");
  expect(JSON.parse(firehosePolicy(to))).toMatchObject({ Statement: [{ Resource: [to.domainArn, `${to.domainArn}/*`] }] });
});
