import { keyIdOf, useAliases } from "../resources/keys";
import { useText } from "../i18n/text";
import { AppLink } from "./AppLink";
import { CopyText } from "./CopyText";
import catalogue from "./messages";

/** A KMS key by its alias, where it has one that the user may see, and its ARN; the name leads to the key's page. */
export function KeyName({ arn }: { arn: string }) {
  const t = useText(catalogue);
  // Who may not list aliases sees the ARN, which says which key it is.
  const { data: aliases } = useAliases();
  const id = keyIdOf(arn);
  return (
    <>
      <div>
        <AppLink href={`/console/keys/${encodeURIComponent(id)}`}>{aliases?.get(id)?.[0] ?? id.replace(/^arn:.*:alias\//, "")}</AppLink>
      </div>
      <CopyText text={arn} name={t("keyArn")} />
    </>
  );
}
