import type { Instance } from "@aws-sdk/client-connect";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useParams } from "react-router";
import { AppButton } from "../../components/AppButton";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { useConnection } from "../../resources/domains";
import { useInstance } from "../../resources/instances";
import { InstanceState, calls } from "./InstanceState";
import catalogue from "./messages";

/** What an instance is, and whether customer profiles are enabled for it. */
export default function InstancePage() {
  const t = useText(catalogue);
  const { instanceId = "" } = useParams();
  const { data: instance, error, refetch } = useInstance(instanceId);
  const name = instance?.InstanceAlias ?? instance?.Id ?? t("loadingTitle");
  return (
    <Page title={name} subject={name} crumbs={[{ text: t("instances"), href: "/console/instances" }]}>
      {instance ? <Details instance={instance} /> : error ? <ErrorAlert error={error} onRetry={() => void refetch()} /> : <Loading />}
    </Page>
  );
}

function Details({ instance }: { instance: Instance }) {
  const t = useText(catalogue);
  const { InstanceAlias, InstanceStatus, CreatedTime, Id = "", Arn = "" } = instance;
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{t("details")}</Header>}>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t("alias"), value: InstanceAlias ?? "–" },
            { label: t("status"), value: <InstanceState status={InstanceStatus} /> },
            { label: t("created"), value: <Time at={CreatedTime} /> },
            { label: t("calls"), value: t(calls(instance)) },
            { label: t("id"), value: <CopyText text={Id} name={t("id")} /> },
            { label: t("arn"), value: <CopyText text={Arn} name={t("arn")} /> },
          ]}
        />
      </Container>
      <Profiles id={Id} arn={Arn} />
    </SpaceBetween>
  );
}

function Profiles({ id, arn }: { id: string; arn: string }) {
  const t = useText(catalogue);
  const { data: connection, error, isPending, refetch } = useConnection(arn);
  return (
    <Container
      header={
        <Header variant="h2" actions={<AppButton href={`/console/instances/${id}/customer-profiles`}>{t("open")}</AppButton>}>
          {t("profiles")}
        </Header>
      }
    >
      {error ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : isPending ? (
        <Loading />
      ) : connection?.DomainName ? (
        <StatusIndicator type="success">{t("enabled", { domain: connection.DomainName })}</StatusIndicator>
      ) : (
        <StatusIndicator type="stopped">{t("notEnabled")}</StatusIndicator>
      )}
    </Container>
  );
}
