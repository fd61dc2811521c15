import type { Profile } from "@aws-sdk/client-customer-profiles";
import Box from "@cloudscape-design/components/box";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import { type ReactNode, useState } from "react";
import { CopyText } from "../../components/CopyText";
import { useText } from "../../i18n/text";
import { useProvenance } from "./data";
import { addressFields, useFieldName, reachFields, textOf, whoFields } from "./fields";
import catalogue from "./messages";
import { Sourced } from "./Sourced";

/** Who it is, how to reach them, and the attributes; each value with where it comes from. */
export function Facts({ domain, id, profile, mayAskSources }: { domain: string; id: string; profile: Profile; mayAskSources: boolean }) {
  const t = useText(catalogue);
  const name = useFieldName();
  // Asked for when a value is pointed at, so that a profile is painted without it.
  const [wanted, setWanted] = useState(false);
  const { data } = useProvenance(domain, id, wanted && mayAskSources);
  const sourced = (path: string, label: string, value: string): { label: string; value: ReactNode } => ({
    label,
    value: (
      <Sourced path={path} label={label} sources={mayAskSources ? data : null} want={() => setWanted(true)}>
        {value}
      </Sourced>
    ),
  });
  const pairs = (fields: readonly (typeof whoFields[number] | typeof reachFields[number] | typeof addressFields[number])[]) =>
    fields.flatMap((f) => {
      const value = textOf(profile, f);
      return value ? [sourced(f, name(f), value)] : [];
    });
  const reach = pairs([...reachFields, ...addressFields]);
  const attributes = Object.entries(profile.Attributes ?? {})
    .filter(([, v]) => v)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([attribute, value]) => sourced(`Attributes.${attribute}`, attribute, value));
  return (
    <ColumnLayout columns={3} minColumnWidth={260}>
      <Container fitHeight header={<Header variant="h3">{t("who")}</Header>}>
        <KeyValuePairs columns={1} items={[...pairs(whoFields), { label: t("profileId"), value: <CopyText text={id} name={t("profileId")} /> }]} />
      </Container>
      <Container fitHeight header={<Header variant="h3">{t("howToReach")}</Header>}>
        {reach.length > 0 ? <KeyValuePairs columns={1} items={reach} /> : <Box color="text-body-secondary">{t("noReach")}</Box>}
      </Container>
      <Container fitHeight header={<Header variant="h3">{t("attributes")}</Header>}>
        {attributes.length > 0 ? <KeyValuePairs columns={attributes.length > 6 ? 2 : 1} items={attributes} minColumnWidth={120} /> : <Box color="text-body-secondary">{t("noAttributes")}</Box>}
      </Container>
    </ColumnLayout>
  );
}
