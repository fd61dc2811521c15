import type { ListDomainItem } from "@aws-sdk/client-customer-profiles";
import { useMemo } from "react";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { useDomains } from "../../resources/domains";
import catalogue from "./messages";

/** The domains. */
export default function DomainsPage() {
  const t = useText(catalogue);
  const list = useDomains();
  const columns = useMemo<Column<ListDomainItem>[]>(
    () => [
      { id: "name", header: t("name"), value: (d) => d.DomainName, cell: (d) => <AppLink href={`/console/domains/${d.DomainName}`}>{d.DomainName}</AppLink>, rowHeader: true, minWidth: 200 },
      { id: "created", header: t("created"), value: (d) => d.CreatedAt, cell: (d) => <Time at={d.CreatedAt} /> },
      { id: "updated", header: t("updated"), value: (d) => d.LastUpdatedAt, cell: (d) => <Time at={d.LastUpdatedAt} /> },
      {
        id: "workspace",
        header: t("workspace"),
        cell: (d) => (
          <AppLink href={`/agent?domain=${d.DomainName}`} ariaLabel={t("workspaceOf", { domain: d.DomainName ?? "" })}>
            {t("open")}
          </AppLink>
        ),
      },
    ],
    [t],
  );
  return (
    <Page title={t("title")} headless>
      <ResourceTable
        id="domains"
        title={t("title")}
        description={t("description")}
        columns={columns}
        list={list}
        keyOf={(d) => d.DomainName ?? ""}
        nameOf={(d) => d.DomainName ?? ""}
        empty={{ title: t("empty"), text: t("emptyText"), action: <AppButton href="/console/instances">{t("toInstances")}</AppButton> }}
      />
    </Page>
  );
}
