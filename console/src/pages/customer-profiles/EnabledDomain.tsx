import type { GetDomainCommandOutput, ListIntegrationItem } from "@aws-sdk/client-customer-profiles";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { AppLink } from "../../components/AppLink";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { KeyName } from "../../components/KeyName";
import { Loading } from "../../components/Loading";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { domainArn, useDomain, useIntegrations } from "../../resources/domains";
import { queueName } from "../../resources/queues";
import { useSession } from "../../session/useSession";
import catalogue from "./messages";
import { RenameModal } from "./RenameModal";

/** The domain that an instance's profiles are in: what it uses, what is in it, what feeds it. */
export function EnabledDomain({ name, instanceArn }: { name: string; instanceArn: string }) {
  const { data, error, refetch } = useDomain(name);
  if (error) return <ErrorAlert error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <SpaceBetween size="l">
      <Settings domain={data} />
      <Totals domain={data} />
      <Integrations domain={name} instanceArn={instanceArn} />
    </SpaceBetween>
  );
}

function Settings({ domain }: { domain: GetDomainCommandOutput }) {
  const t = useText(catalogue);
  const { region, accountId } = useSession();
  const [renaming, setRenaming] = useState(false);
  const { DomainName = "", CreatedAt, DefaultExpirationDays = 0, DeadLetterQueueUrl, DefaultEncryptionKey } = domain;
  const arn = domainArn(region, accountId, DomainName);
  return (
    <Container
      header={
        <Header variant="h2" actions={<Button onClick={() => setRenaming(true)}>{t("rename")}</Button>}>
          {t("domain")}
        </Header>
      }
    >
      <KeyValuePairs
        columns={3}
        items={[
          { label: t("domainName"), value: DomainName },
          { label: t("created"), value: <Time at={CreatedAt} /> },
          { label: t("retention"), value: t("days", { count: DefaultExpirationDays }) },
          { label: t("queue"), value: DeadLetterQueueUrl ? <AppLink href={`/console/queues/${queueName(DeadLetterQueueUrl)}`}>{queueName(DeadLetterQueueUrl)}</AppLink> : t("noQueue") },
          { label: t("key"), value: DefaultEncryptionKey ? <KeyName arn={DefaultEncryptionKey} /> : t("noKey") },
          { label: t("domainArn"), value: <CopyText text={arn} name={t("domainArn")} /> },
        ]}
      />
      {renaming && <RenameModal name={DomainName} onClose={() => setRenaming(false)} />}
    </Container>
  );
}

function Totals({ domain }: { domain: GetDomainCommandOutput }) {
  const t = useText(catalogue);
  const { number, bytes } = useFormat();
  const { ProfileCount = 0, ObjectCount = 0, TotalSize = 0 } = domain.Stats ?? {};
  return (
    <Container header={<Header variant="h2">{t("stats")}</Header>}>
      <KeyValuePairs
        columns={3}
        items={[
          { label: t("profiles"), value: number(ProfileCount) },
          { label: t("objects"), value: number(ObjectCount) },
          { label: t("size"), value: bytes(TotalSize) },
        ]}
      />
    </Container>
  );
}

function Integrations({ domain, instanceArn }: { domain: string; instanceArn: string }) {
  const t = useText(catalogue);
  const list = useIntegrations(domain);
  const columns = useMemo(() => columnsOf(t, instanceArn), [t, instanceArn]);
  return (
    <ResourceTable<ListIntegrationItem>
      id="integrations"
      level="h2"
      title={t("integrations")}
      columns={columns}
      list={list}
      keyOf={(i) => i.Uri ?? ""}
      nameOf={(i) => i.Uri ?? ""}
      empty={{ title: t("noIntegrations") }}
    />
  );
}

function columnsOf(t: Text<typeof catalogue>, instanceArn: string): Column<ListIntegrationItem>[] {
  const source = (i: ListIntegrationItem): string => {
    if (i.Uri === instanceArn) return t("thisInstance");
    const other = /:instance\/([\w-]+)$/.exec(i.Uri ?? "")?.[1];
    return other ? t("otherInstance", { id: other }) : (i.Uri ?? "");
  };
  return [
    { id: "source", header: t("source"), value: source, rowHeader: true, minWidth: 220 },
    { id: "objectType", header: t("objectType"), value: (i) => i.ObjectTypeName ?? Object.values(i.ObjectTypeNames ?? {}).join(", "), minWidth: 120 },
    { id: "since", header: t("since"), value: (i) => i.CreatedAt, cell: (i) => <Time at={i.CreatedAt} />, minWidth: 170 },
    { id: "arn", header: t("domainArn"), value: (i) => i.Uri ?? "", optional: true, minWidth: 320 },
  ];
}
