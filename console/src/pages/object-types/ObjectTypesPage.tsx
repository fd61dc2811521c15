import { DeleteProfileObjectTypeCommand, type ListProfileObjectTypeItem } from "@aws-sdk/client-customer-profiles";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { profile } from "../../api/profile";
import { useFrame } from "../../app/frame";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { ConfirmModal } from "../../components/ConfirmModal";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { objectTypesKey, useObjectTypes } from "../../resources/objecttypes";
import catalogue from "./messages";

/** The object types of a domain. */
export default function ObjectTypesPage() {
  const t = useText(catalogue);
  const { domainName = "" } = useParams();
  const navigate = useNavigate();
  const list = useObjectTypes(domainName);
  const [deleting, setDeleting] = useState<string>();
  const base = `/console/domains/${domainName}`;
  const columns = useMemo(() => columnsOf(t, `${base}/object-types`), [t, base]);
  return (
    <Page title={t("title")} subject={domainName} crumbs={[{ text: domainName, href: base }]} headless>
      <ResourceTable<ListProfileObjectTypeItem>
        id="objectTypes"
        title={t("title")}
        description={t("description")}
        list={list}
        columns={columns}
        keyOf={(o) => o.ObjectTypeName ?? ""}
        nameOf={(o) => o.ObjectTypeName ?? ""}
        selection="single"
        empty={{ title: t("empty"), text: t("emptyText"), action: <AppButton href={`${base}/object-types/create`}>{t("create")}</AppButton> }}
        actions={([selected]) => (
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!selected} onClick={() => setDeleting(selected?.ObjectTypeName)}>
              {t("delete")}
            </Button>
            <Button disabled={!selected} onClick={() => void navigate(`${base}/object-types/${selected?.ObjectTypeName}?tab=try`)}>
              {t("tryIt")}
            </Button>
            <AppButton variant="primary" href={`${base}/object-types/create`}>
              {t("create")}
            </AppButton>
          </SpaceBetween>
        )}
      />
      {deleting && <DeleteModal domain={domainName} name={deleting} onClose={() => setDeleting(undefined)} />}
    </Page>
  );
}

/** Asks before an object type is deleted with all that came by it, and deletes it. */
function DeleteModal({ domain, name, onClose }: { domain: string; name: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  return (
    <ConfirmModal
      title={t("deleteTitle", { name })}
      action={t("delete")}
      word={name}
      onClose={onClose}
      onConfirm={async () => {
        await profile().send(new DeleteProfileObjectTypeCommand({ DomainName: domain, ObjectTypeName: name }));
        notify({ type: "success", text: t("deleted", { name }) });
        await queries.invalidateQueries({ queryKey: objectTypesKey(domain) });
      }}
    >
      {t("deleteText")}
    </ConfirmModal>
  );
}

function columnsOf(t: Text<typeof catalogue>, path: string): Column<ListProfileObjectTypeItem>[] {
  return [
    {
      id: "name",
      header: t("name"),
      value: (o) => o.ObjectTypeName ?? "",
      cell: (o) => <AppLink href={`${path}/${o.ObjectTypeName}`}>{o.ObjectTypeName}</AppLink>,
      rowHeader: true,
      minWidth: 170,
    },
    { id: "description", header: t("text"), value: (o) => o.Description ?? "", minWidth: 220 },
    { id: "priority", header: t("priority"), value: (o) => o.SourcePriority, minWidth: 110 },
    { id: "updated", header: t("updated"), value: (o) => o.LastUpdatedAt, cell: (o) => <Time at={o.LastUpdatedAt} />, minWidth: 170 },
    { id: "created", header: t("created"), value: (o) => o.CreatedAt, cell: (o) => <Time at={o.CreatedAt} />, minWidth: 170, optional: true },
    { id: "maxObjects", header: t("maxObjects"), value: (o) => o.MaxProfileObjectCount, minWidth: 200, optional: true },
  ];
}
