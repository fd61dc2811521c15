import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useMemo } from "react";
import { AppLink } from "../../components/AppLink";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { type Text, useText } from "../../i18n/text";
import { type KeyUse, useKeyUses } from "../../resources/encryption";
import { keyIdOf } from "../../resources/keys";
import { useKeyNames } from "./keyNames";
import catalogue from "./messages";

/** The domains and object types whose values are under a key. */
export function UsesPart({ id }: { id: string }) {
  const t = useText(catalogue);
  const names = useKeyNames(id);
  const list = useKeyUses(names);
  const columns = useMemo(() => columnsOf(t, names), [t, names]);
  return (
    <ResourceTable<KeyUse>
      id="key-uses"
      level="h2"
      title={t("tabUses")}
      description={t("usesText")}
      columns={columns}
      list={list}
      wrap
      keyOf={(u) => `${u.domain} ${u.objectType ?? ""}`}
      nameOf={(u) => u.domain}
      empty={{ title: t("noUses"), text: t("noUsesText") }}
    />
  );
}

function columnsOf(t: Text<typeof catalogue>, names: readonly string[]): Column<KeyUse>[] {
  const inForce = (u: KeyUse): boolean => u.keys.KmsKeyId !== undefined && names.includes(keyIdOf(u.keys.KmsKeyId));
  const role = (u: KeyUse): string => t(inForce(u) ? "current" : "former");
  return [
    { id: "domain", header: t("domain"), value: (u) => u.domain, cell: (u) => <AppLink href={`/console/domains/${u.domain}`}>{u.domain}</AppLink>, rowHeader: true, minWidth: 180 },
    { id: "scope", header: t("scope"), value: (u) => (u.objectType === undefined ? t("wholeDomain") : t("ofObjectType", { type: u.objectType })), minWidth: 180 },
    { id: "role", header: t("role"), value: role, cell: (u) => <StatusIndicator type={inForce(u) ? "success" : "in-progress"}>{role(u)}</StatusIndicator>, minWidth: 180 },
    { id: "warning", header: t("warning"), value: (u) => u.keys.DataKeys.flatMap((d) => d.Warning ?? []).join(" "), minWidth: 260 },
  ];
}
