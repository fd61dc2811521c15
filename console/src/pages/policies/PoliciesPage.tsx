import { useMemo } from "react";
import type { Policy } from "../../api/kindred.types";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { usePolicies } from "../../resources/iam";
import catalogue from "./messages";

/** The managed policies. */
export default function PoliciesPage() {
  const t = useText(catalogue);
  const list = usePolicies();
  const columns = useMemo<Column<Policy>[]>(
    () => [
      { id: "name", header: t("name"), value: (p) => p.PolicyName, cell: (p) => <AppLink href={`/console/policies/${encodeURIComponent(p.PolicyName)}`}>{p.PolicyName}</AppLink>, rowHeader: true, minWidth: 160 },
      { id: "about", header: t("about"), value: (p) => p.Description, minWidth: 240 },
      { id: "kind", header: t("kind"), value: (p) => (p.Predefined ? t("predefined") : t("own")) },
      { id: "attachments", header: t("attachments"), value: (p) => p.AttachmentCount },
      { id: "updated", header: t("updated"), value: (p) => p.UpdateDate, cell: (p) => <Time at={p.UpdateDate} /> },
    ],
    [t],
  );
  const create = (
    <AppButton variant="primary" href="/console/policies/create">
      {t("create")}
    </AppButton>
  );
  return (
    <Page title={t("title")} headless>
      <ResourceTable
        id="policies"
        title={t("title")}
        description={t("description")}
        columns={columns}
        list={list}
        keyOf={(p) => p.PolicyName}
        nameOf={(p) => p.PolicyName}
        empty={{ title: t("empty"), action: create }}
        actions={create}
        wrap
      />
    </Page>
  );
}
