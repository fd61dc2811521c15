import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useMemo } from "react";
import type { KeyUse } from "../../api/kindred.types";
import { wholeList } from "../../api/pages";
import { AppLink } from "../../components/AppLink";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { type Text, useText } from "../../i18n/text";
import { useKeyUses } from "../../resources/encryption";
import catalogue from "./messages";

/** The domains and object types whose values are under a key. */
export function UsesPart({ arn }: { arn: string }) {
  const t = useText(catalogue);
  const { data = [], error, isPending, isFetching, refetch } = useKeyUses(arn);
  const columns = useMemo(() => columnsOf(t), [t]);
  return (
    <ResourceTable<KeyUse>
      id="key-uses"
      level="h2"
      title={t("tabUses")}
      description={t("usesText")}
      columns={columns}
      list={wholeList(data, { error, loading: isPending, fetching: isFetching, refresh: () => void refetch() })}
      keyOf={(u) => `${u.DomainName} ${u.ObjectTypeName ?? ""}`}
      nameOf={(u) => u.DomainName}
      empty={{ title: t("noUses"), text: t("noUsesText") }}
    />
  );
}

function columnsOf(t: Text<typeof catalogue>): Column<KeyUse>[] {
  return [
    { id: "domain", header: t("domain"), value: (u) => u.DomainName, cell: (u) => <AppLink href={`/console/domains/${u.DomainName}`}>{u.DomainName}</AppLink>, rowHeader: true, minWidth: 180 },
    { id: "scope", header: t("scope"), value: (u) => (u.ObjectTypeName === undefined ? t("wholeDomain") : t("ofObjectType", { type: u.ObjectTypeName })), minWidth: 180 },
    {
      id: "role",
      header: t("role"),
      value: (u) => t(u.State),
      cell: (u) => <StatusIndicator type={u.State === "IN_FORCE" ? "success" : "in-progress"}>{t(u.State)}</StatusIndicator>,
      minWidth: 180,
    },
  ];
}
