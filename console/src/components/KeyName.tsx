import { keyIdOf, useAliases } from "../resources/keys";
import { useText } from "../i18n/text";
import { CopyText } from "./CopyText";
import catalogue from "./messages";

/** A KMS key by its alias, where it has one that the user may see, and its ARN. */
export function KeyName({ arn }: { arn: string }) {
  const t = useText(catalogue);
  // Who may not list aliases sees the ARN, which says which key it is.
  const { data: aliases } = useAliases();
  const alias = aliases?.get(keyIdOf(arn))?.[0];
  return (
    <>
      {alias && <div>{alias}</div>}
      <CopyText text={arn} name={t("keyArn")} />
    </>
  );
}
