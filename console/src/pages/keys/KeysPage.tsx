import { useMemo } from "react";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { type KeyRow, useAliases, useKeyRows } from "../../resources/keys";
import { KeyState, stateText } from "./KeyState";
import catalogue from "./messages";

type Aliases = ReadonlyMap<string, readonly string[]>;

/** The list of keys. */
export default function KeysPage() {
  const t = useText(catalogue);
  const list = useKeyRows();
  const { data: aliases, error, refetch } = useAliases();
  const columns = useMemo(() => columnsOf(t, aliases ?? new Map()), [t, aliases]);
  return (
    <Page title={t("title")} headless>
      {error && <ErrorAlert error={error} onRetry={() => void refetch()} />}
      <ResourceTable<KeyRow>
        id="keys"
        title={t("title")}
        description={t("description")}
        list={list}
        columns={columns}
        keyOf={(k) => k.id}
        nameOf={(k) => aliases?.get(k.id)?.[0] ?? k.id}
        empty={{ title: t("empty"), text: t("emptyText"), action: <AppButton href="/console/keys/create">{t("create")}</AppButton> }}
        actions={
          <AppButton variant="primary" href="/console/keys/create">
            {t("create")}
          </AppButton>
        }
      />
    </Page>
  );
}

function columnsOf(t: Text<typeof catalogue>, aliases: Aliases): Column<KeyRow>[] {
  const names = (k: KeyRow): string => aliases.get(k.id)?.join(", ") ?? "";
  return [
    {
      id: "alias",
      header: t("alias"),
      value: names,
      cell: (k) => <AppLink href={`/console/keys/${k.id}`}>{names(k) || t("noAlias")}</AppLink>,
      rowHeader: true,
      minWidth: 220,
    },
    {
      id: "status",
      header: t("status"),
      value: (k) => (k.metadata?.KeyState ? stateText(t, k.metadata.KeyState) : ""),
      cell: (k) => <KeyState state={k.metadata?.KeyState} />,
      minWidth: 170,
    },
    { id: "description", header: t("descriptionField"), value: (k) => k.metadata?.Description, minWidth: 200 },
    { id: "created", header: t("created"), value: (k) => k.metadata?.CreationDate, cell: (k) => <Time at={k.metadata?.CreationDate} />, minWidth: 170 },
    { id: "deletion", header: t("deletionDate"), value: (k) => k.metadata?.DeletionDate, cell: (k) => <Time at={k.metadata?.DeletionDate} />, optional: true, minWidth: 170 },
    { id: "id", header: t("id"), value: (k) => k.id, optional: true, minWidth: 320 },
    { id: "arn", header: t("arn"), value: (k) => k.arn, optional: true, minWidth: 480 },
  ];
}
