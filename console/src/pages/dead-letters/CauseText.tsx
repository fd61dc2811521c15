import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { AppLink } from "../../components/AppLink";
import { KeyName } from "../../components/KeyName";
import { useText } from "../../i18n/text";
import { useDomain } from "../../resources/domains";
import { useEncryption } from "../../resources/encryption";
import { causeOf, mends } from "./causes";
import catalogue from "./messages";
import { mappingPath } from "./paths";

/** What an error of a dead letter means, and what to do, with the way to what is to be mended. */
export function CauseText({ message, domain, objectType }: { message: string; domain: string; objectType: string }) {
  const t = useText(catalogue);
  const cause = causeOf(message);
  return (
    <SpaceBetween size="m">
      <div>
        <Box variant="awsui-key-label">{t("meaning")}</Box>
        <div>{t(`meaning_${cause}`)}</div>
      </div>
      <div>
        <Box variant="awsui-key-label">{t("repair")}</Box>
        <div>{t(`repair_${cause}`)}</div>
      </div>
      {mends[cause].includes("key") ? (
        <div>
          <Box variant="awsui-key-label">{t("domainKey")}</Box>
          <KeyInUse domain={domain} objectType={objectType} />
        </div>
      ) : (
        <AppLink href={mappingPath(domain, objectType)}>{t("openMapping", { type: objectType })}</AppLink>
      )}
    </SpaceBetween>
  );
}

/** The key that objects of a type are encrypted under: the type's own, or the domain's. */
function KeyInUse({ domain, objectType }: { domain: string; objectType: string }) {
  const t = useText(catalogue);
  const { data: settings } = useDomain(domain);
  // Who may not see the keys of object types sees the domain's.
  const { data: encryption } = useEncryption(domain);
  const key = encryption?.ObjectTypes.find((k) => k.ObjectTypeName === objectType)?.KmsKeyId ?? settings?.DefaultEncryptionKey;
  return key ? <KeyName arn={key} /> : <>{settings ? t("rootKey") : "–"}</>;
}
