import type { GetDomainCommandOutput } from "@aws-sdk/client-customer-profiles";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useParams } from "react-router";
import { explain } from "../../api/errors";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { KeyName } from "../../components/KeyName";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { useActivity } from "../../resources/activity";
import { domainArn, useDomain } from "../../resources/domains";
import { useEncryption } from "../../resources/encryption";
import { queueName, useQueue } from "../../resources/queues";
import { useSession } from "../../session/useSession";
import { Activity } from "./Activity";
import catalogue from "./messages";

/** A domain at a glance: how much there is, how its queue and key are, and what has happened. */
export default function OverviewPage() {
  const t = useText(catalogue);
  const { domainName = "" } = useParams();
  const { data: domain, error, refetch } = useDomain(domainName);
  return (
    <Page
      title={domainName}
      subject={domainName}
      crumbs={[{ text: t("domains"), href: "/console/domains" }]}
      actions={
        <AppButton href={`/agent?domain=${domainName}`} iconName="contact">
          {t("workspace")}
        </AppButton>
      }
    >
      {error ? <ErrorAlert error={error} onRetry={() => void refetch()} /> : domain ? <Glance domain={domain} name={domainName} /> : <Loading />}
    </Page>
  );
}

function Glance({ domain, name }: { domain: GetDomainCommandOutput; name: string }) {
  const t = useText(catalogue);
  const { number, bytes, duration } = useFormat();
  const { region, accountId } = useSession();
  const { data: activity } = useActivity(name, "day");
  const { ProfileCount = 0, ObjectCount = 0, TotalSize = 0, MeteringProfileCount = 0 } = domain.Stats ?? {};
  const lastHour = activity?.Buckets.at(-1)?.ObjectsIngested;
  const big = (text: string) => <Box fontSize="heading-xl" fontWeight="bold">{text}</Box>;
  const base = `/console/domains/${name}`;
  return (
    <SpaceBetween size="l">
      {ProfileCount === 0 && (
        <Alert
          type="info"
          header={t("emptyTitle")}
          action={
            <SpaceBetween direction="horizontal" size="xs">
              <AppButton href={`${base}/object-types`}>{t("mapFirst")}</AppButton>
              <AppButton href={`${base}/upload`}>{t("upload")}</AppButton>
              <AppButton href={`${base}/integrations`}>{t("connect")}</AppButton>
            </SpaceBetween>
          }
        >
          {t("emptyText")}
        </Alert>
      )}
      <Container header={<Header variant="h2">{t("atPresent")}</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: t("profiles"), value: big(number(ProfileCount)) },
            { label: t("objects"), value: big(number(ObjectCount)) },
            { label: t("size"), value: big(bytes(TotalSize)) },
            { label: t("rate"), value: big(lastHour === undefined ? "–" : t("perHour", { count: lastHour })) },
            { label: t("metering"), value: number(MeteringProfileCount) },
            { label: t("retention"), value: domain.DefaultExpirationDays ? duration(domain.DefaultExpirationDays * 86_400) : "–" },
            { label: t("created"), value: <Time at={domain.CreatedAt} /> },
            { label: t("arn"), value: <CopyText text={domainArn(region, accountId, name)} name={t("arn")} /> },
          ]}
        />
      </Container>
      <Container header={<Header variant="h2">{t("health")}</Header>}>
        <KeyValuePairs
          columns={2}
          items={[
            { label: t("queue"), value: domain.DeadLetterQueueUrl ? <QueueHealth url={domain.DeadLetterQueueUrl} base={base} /> : <StatusIndicator type="warning">{t("noQueue")}</StatusIndicator> },
            { label: t("key"), value: domain.DefaultEncryptionKey ? <KeyHealth arn={domain.DefaultEncryptionKey} domain={name} /> : t("rootKey") },
          ]}
        />
      </Container>
      <Activity domain={name} />
    </SpaceBetween>
  );
}

function QueueHealth({ url, base }: { url: string; base: string }) {
  const t = useText(catalogue);
  const name = queueName(url);
  const { data: queue, error } = useQueue(name);
  const waiting = queue && queue.available + queue.inFlight + queue.delayed;
  return (
    <SpaceBetween size="xxs">
      <AppLink href={`/console/queues/${name}`}>{name}</AppLink>
      {error ? (
        <StatusIndicator type={explain(error).kind === "denied" ? "info" : "error"}>{explain(error).kind === "denied" ? t("queueHidden") : t("queueGone")}</StatusIndicator>
      ) : waiting === undefined ? (
        <StatusIndicator type="loading">{t("loading")}</StatusIndicator>
      ) : waiting === 0 ? (
        <StatusIndicator type="success">{t("noLetters")}</StatusIndicator>
      ) : (
        <SpaceBetween direction="horizontal" size="xs">
          <StatusIndicator type="warning">{t("letters", { count: waiting })}</StatusIndicator>
          <AppLink href={`${base}/dead-letters`}>{t("toLetters")}</AppLink>
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}

const keyLooks = { ENABLED: "success", DISABLED: "error", PENDING_DELETION: "warning", OUT_OF_REACH: "error", UNKNOWN: "info" } as const;

function KeyHealth({ arn, domain }: { arn: string; domain: string }) {
  const t = useText(catalogue);
  const { data } = useEncryption(domain);
  const state = data?.Domain.DataKeys.find((k) => k.State === "IN_FORCE")?.KmsKeyState ?? (data ? "UNKNOWN" : undefined);
  return (
    <SpaceBetween size="xxs">
      <KeyName arn={arn} />
      {state && <StatusIndicator type={keyLooks[state]}>{t(state)}</StatusIndicator>}
    </SpaceBetween>
  );
}
