import Alert from "@cloudscape-design/components/alert";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { type ReactNode, useState } from "react";
import { AppButton } from "../../components/AppButton";
import { CopyBlock } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { domainArn } from "../../resources/domains";
import { useObjectTypes } from "../../resources/objecttypes";
import { useSession } from "../../session/useSession";
import catalogue from "./messages";
import { type Destination, contactsCommand, environment, firehoseAddress, firehosePolicy, ingestCommand, putCommand } from "./snippets";

/** The ways in that stand ready, and how to use them. */
export function OtherWays({ domain }: { domain: string }) {
  const t = useText(catalogue);
  const { region, accountId } = useSession();
  const types = useObjectTypes(domain);
  const [chosen, setChosen] = useState<string>();
  const names = types.items.map((o) => o.ObjectTypeName ?? "");
  const objectType = chosen ?? names[0];
  const base = `/console/domains/${domain}`;
  const ready = objectType !== undefined;
  const to: Destination = { origin: location.origin, region, domain, domainArn: domainArn(region, accountId, domain), objectType: objectType ?? "OBJECTTYPE" };
  return (
    <SpaceBetween size="s">
      <Container
        header={
          <Header variant="h2" description={t("othersHint")}>
            {t("others")}
          </Header>
        }
      >
        {types.error ? (
          <ErrorAlert error={types.error} onRetry={types.refresh} />
        ) : !types.loading && !ready ? (
          <Alert type="info" action={<AppButton href={`${base}/object-types/create`}>{t("createType")}</AppButton>}>
            {t("needsType")}
          </Alert>
        ) : (
          <FormField label={t("objectType")} description={t("typeHint")}>
            <Select
              selectedOption={objectType === undefined ? null : { value: objectType, label: objectType }}
              options={names.map((value) => ({ value, label: value }))}
              placeholder={t("chooseType")}
              empty={t("noTypes")}
              onChange={({ detail }) => setChosen(detail.selectedOption.value)}
            />
          </FormField>
        )}
      </Container>
      <div>
        <Way title={t("upload")} text={t("uploadHint")} ready={ready}>
          <AppButton href={`${base}/upload${objectType ? `?type=${encodeURIComponent(objectType)}` : ""}`}>{t("doUpload")}</AppButton>
        </Way>
        <Way title={t("firehose")} text={t("firehoseHint")} ready={ready}>
          {location.protocol !== "https:" && <Alert type="warning">{t("notHttps")}</Alert>}
          <div>{t("firehoseStep1")}</div>
          <CopyBlock text={firehoseAddress(to)} name={t("address")} />
          <div>{t("firehoseStep2")}</div>
          <CopyBlock text="ACCESSKEYID:SECRET" name={t("accessKey")} />
          <div>{t("policyText")}</div>
          <CopyBlock text={firehosePolicy(to)} name={t("policy")} />
          <div>{t("firehoseStep3")}</div>
        </Way>
        <Way title={t("ingest")} text={t("ingestHint")} ready={ready}>
          <div>{t("ingestText")}</div>
          <CopyBlock text={ingestCommand(to)} name={t("ingestCommand")} />
          <div>{t("contactsText")}</div>
          <CopyBlock text={contactsCommand(to)} name={t("contactsCommand")} />
        </Way>
        <Way title={t("api")} text={t("apiHint")} ready={ready}>
          <div>{t("apiText")}</div>
          <CopyBlock text={putCommand(to)} name={t("putCommand")} />
          <div>{t("apiMore")}</div>
          <CopyBlock text={environment(to)} name={t("environment")} />
        </Way>
      </div>
    </SpaceBetween>
  );
}

/** A way in: what it is, whether it can be used, and, unfolded, how. */
function Way({ title, text, ready, children }: { title: string; text: string; ready: boolean; children: ReactNode }) {
  const t = useText(catalogue);
  return (
    <ExpandableSection
      variant="stacked"
      headingTagOverride="h3"
      headerText={title}
      headerDescription={text}
      headerActions={<StatusIndicator type={ready ? "success" : "pending"}>{ready ? t("ready") : t("needsType")}</StatusIndicator>}
    >
      <SpaceBetween size="s">{children}</SpaceBetween>
    </ExpandableSection>
  );
}
