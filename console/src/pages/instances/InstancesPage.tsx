import type { InstanceSummary } from "@aws-sdk/client-connect";
import { useMemo } from "react";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { useInstances } from "../../resources/instances";
import { InstanceState, calls } from "../instance/InstanceState";
import catalogue from "./messages";

/** The list of instances. */
export default function InstancesPage() {
  const t = useText(catalogue);
  const list = useInstances();
  const columns = useMemo(() => columnsOf(t), [t]);
  return (
    <Page title={t("title")} headless>
      <ResourceTable<InstanceSummary>
        id="instances"
        title={t("title")}
        description={t("description")}
        list={list}
        columns={columns}
        keyOf={(i) => i.Id ?? ""}
        nameOf={(i) => i.InstanceAlias ?? i.Id ?? ""}
        empty={{ title: t("empty"), text: t("emptyText"), action: <AppButton href="/console/instances/create">{t("create")}</AppButton> }}
        actions={
          <AppButton variant="primary" href="/console/instances/create">
            {t("create")}
          </AppButton>
        }
      />
    </Page>
  );
}

function columnsOf(t: Text<typeof catalogue>): Column<InstanceSummary>[] {
  return [
    {
      id: "alias",
      header: t("alias"),
      value: (i) => i.InstanceAlias ?? "",
      cell: (i) => <AppLink href={`/console/instances/${i.Id}`}>{i.InstanceAlias ?? t("noAlias")}</AppLink>,
      rowHeader: true,
      minWidth: 160,
    },
    { id: "status", header: t("status"), value: (i) => i.InstanceStatus ?? "", cell: (i) => <InstanceState status={i.InstanceStatus} />, minWidth: 110 },
    { id: "calls", header: t("channels"), value: (i) => t(calls(i)), minWidth: 170 },
    { id: "created", header: t("created"), value: (i) => i.CreatedTime, cell: (i) => <Time at={i.CreatedTime} />, minWidth: 170 },
    { id: "identity", header: t("identity"), value: (i) => (i.IdentityManagementType ? t(i.IdentityManagementType) : ""), optional: true },
    { id: "id", header: t("id"), value: (i) => i.Id ?? "", minWidth: 320, optional: true },
  ];
}
