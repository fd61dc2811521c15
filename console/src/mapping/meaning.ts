import { wordsOf } from "./names";
import type { Leaf } from "./sample";
import type { ContentType } from "./standard";

/** What the values at a leaf seem to be, by their names in English, Portuguese or Spanish, and by themselves. */
export interface Meaning {
  type: ContentType;
  /** The field of the profile that it seems to be, below _profile. */
  profile?: string;
}

const email = /^[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>]+$/;
const phone = /^\+?[\d\s().-]{7,20}(?:\s?(?:x|ext\.?|ramal)\s?\d{1,6})?$/i;

const phoneName = /^(?:.*(?:phone|fone|celular|mobile|whatsapp)(?:number|numero|num|no)?|tel|telefono|cell|cel|fax|msisdn)$/;
const emailName = /^(?:.*e?mail(?:address|principal)?|correo(?:electronico)?)$/;

const people: readonly (readonly [RegExp, string, ContentType])[] = [
  [/^(?:first|given|fore)name$|^fname$|^primeironome$|^prenome$/, "FirstName", "NAME"],
  [/^given$|^first$/, "FirstName", "NAME"],
  [/^(?:middle|second)name$|^middle$|^nomedomeio$|^segundonome$/, "MiddleName", "NAME"],
  [/^(?:last|family|sur)name$|^lname$|^last$|^family$|^sobrenome$|^ultimonome$|^apellidos?$/, "LastName", "NAME"],
  [/^(?:company|business|organi[sz]ation|employer)(?:name)?$|^empresa$|^razaosocial$|^nomefantasia$/, "BusinessName", "STRING"],
  [/^(?:date)?(?:of)?birth(?:day|date)?$|^dateofbirth$|^dob$|^(?:data)?(?:de)?nascimento$|^datanasc$|^fechanacimiento$/, "BirthDate", "STRING"],
  [/^gender$|^sex$|^sexo$|^genero$/, "GenderString", "STRING"],
  [/^(?:account|customer|client|member|membership|conta|cliente|socio)(?:number|numero|num|no|nr|code|codigo)$/, "AccountNumber", "STRING"],
  [/^notes?$|^comments?$|^remarks?$|^observac(?:ao|oes)$|^obs$/, "AdditionalInformation", "STRING"],
];

const addressPart: readonly (readonly [RegExp, string])[] = [
  [/^(?:street|address|line|endereco|logradouro|rua|calle)(?:address|line|name)?1?$/, "Address1"],
  [/^(?:street|address|line|endereco)(?:address|line)?2$|^complemento$|^apartment$|^suite$/, "Address2"],
  [/^(?:address|line)(?:line)?3$|^bairro$|^neighbou?rhood$/, "Address3"],
  [/^(?:address|line)(?:line)?4$/, "Address4"],
  [/^city$|^town$|^cidade$|^municipio$|^ciudad$/, "City"],
  [/^county$/, "County"],
  [/^state$|^statecode$|^estado$|^uf$|^region$/, "State"],
  [/^province$|^provinc(?:ia|ecode)$/, "Province"],
  [/^country(?:code|name)?$|^pais$/, "Country"],
  [/^zip(?:code)?$|^post(?:al)?code$|^postal$|^cep$|^codigopostal$/, "PostalCode"],
];

const addressWords = /^(?:address|addr|endereco|direccion|location|billing|shipping|mailing|delivery|cobranca|entrega|correspondencia)$/;

/** Which address the words around a part of one mean. */
function whichAddress(words: ReadonlySet<string>): string {
  const has = (...any: string[]): boolean => any.some((w) => words.has(w));
  if (has("billing", "cobranca", "invoice")) return "BillingAddress";
  if (has("shipping", "delivery", "entrega")) return "ShippingAddress";
  if (has("mailing", "correspondencia")) return "MailingAddress";
  return "Address";
}

/** What the values at a leaf seem to be. */
export function meaningOf(leaf: Leaf): Meaning {
  const names = [...leaf.path, ...(leaf.rest ?? [])].filter((s) => typeof s === "string");
  const words = names.flatMap(wordsOf);
  const own = wordsOf(names.at(-1) ?? "");
  const name = own.join("");
  const around = new Set(words);
  const values = leaf.values.filter((v) => typeof v !== "object");
  const texts = values.filter((v) => typeof v === "string");
  const every = (pattern: RegExp): boolean => texts.length > 0 && texts.length === values.length && texts.every((v) => pattern.test(v.trim()));

  if (every(email) || (emailName.test(name) && !values.some((v) => typeof v !== "string"))) return { type: "EMAIL_ADDRESS", profile: qualified(around, "EmailAddress") };
  const numbers = values.length > 0 && values.every((v) => typeof v === "number");
  if (phoneName.test(name) && (every(phone) || numbers)) return { type: "PHONE_NUMBER", profile: qualified(around, "PhoneNumber") };

  for (const [pattern, profile, type] of people) if (pattern.test(name)) return { type, profile };
  if (/^(?:full|complete|display|customer|client)?name$|^nome(?:completo)?$|^nombre$/.test(name)) return { type: "NAME", profile: "name" };

  // city may stand alone; state, or number, has to be told to be of an address.
  const part = addressPart.find(([pattern]) => pattern.test(own.filter((w) => !addressWords.test(w) || own.length === 1).join("")) || pattern.test(name));
  const inAddress = words.slice(0, -1).some((w) => addressWords.test(w));
  if (part && (inAddress || /^(?:city|cidade|country|pais|zip|zipcode|postalcode|postcode|cep|uf|address1|address2|endereco|address|street|logradouro|rua)$/.test(name))) {
    return { type: "STRING", profile: `${whichAddress(around)}.${part[1]}` };
  }
  return { type: numbers && !isIdentifier(own) ? "NUMBER" : "STRING" };
}

function qualified(words: ReadonlySet<string>, what: "EmailAddress" | "PhoneNumber"): string {
  const has = (...any: string[]): boolean => any.some((w) => words.has(w));
  if (has("work", "business", "office", "corporate", "company", "comercial", "trabalho", "empresa")) return `Business${what}`;
  if (what === "EmailAddress") return has("personal", "private", "pessoal", "particular") ? "PersonalEmailAddress" : what;
  if (has("mobile", "cell", "cellphone", "cel", "celular", "whatsapp", "mobilephone")) return "MobilePhoneNumber";
  return has("home", "residencial", "casa") ? "HomePhoneNumber" : what;
}

/** Words by which a value identifies something: of numbers, ids and codes, no sums are made. */
export const isIdentifier = (words: readonly string[]): boolean => /^(?:id|ids|uuid|guid|key|code|codigo|number|numero|num|no|nr|ref|reference|sku|cpf|cnpj|zip|cep)$/.test(words.at(-1) ?? "");
