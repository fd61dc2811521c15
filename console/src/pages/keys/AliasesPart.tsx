import { type AliasListEntry, CreateAliasCommand, DeleteAliasCommand } from "@aws-sdk/client-kms";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { aliasPattern, keysKey, useAliasesOf } from "../../resources/keys";
import catalogue from "./messages";

const named = (a: AliasListEntry): string => (a.AliasName ?? "").replace(/^alias\//, "");

/** The names of a key. */
export function AliasesPart({ id }: { id: string }) {
  const t = useText(catalogue);
  const list = useAliasesOf(id);
  const [creating, setCreating] = useState(false);
  const [removing, setRemoving] = useState<string>();
  const columns = useMemo(() => columnsOf(t), [t]);
  return (
    <>
      <ResourceTable<AliasListEntry>
        id="key-aliases"
        level="h2"
        title={t("tabAliases")}
        description={t("aliasesText")}
        columns={columns}
        list={list}
        keyOf={named}
        nameOf={named}
        selection="single"
        empty={{ title: t("noAliases"), text: t("noAliasesText"), action: <Button onClick={() => setCreating(true)}>{t("createAlias")}</Button> }}
        actions={([chosen]) => (
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!chosen} onClick={() => chosen && setRemoving(named(chosen))}>
              {t("remove")}
            </Button>
            <Button onClick={() => setCreating(true)}>{t("createAlias")}</Button>
          </SpaceBetween>
        )}
      />
      {creating && <CreateModal id={id} onClose={() => setCreating(false)} />}
      {removing !== undefined && <RemoveModal alias={removing} onClose={() => setRemoving(undefined)} />}
    </>
  );
}

function columnsOf(t: Text<typeof catalogue>): Column<AliasListEntry>[] {
  return [
    { id: "alias", header: t("alias"), value: named, rowHeader: true, minWidth: 220 },
    { id: "created", header: t("created"), value: (a) => a.CreationDate, cell: (a) => <Time at={a.CreationDate} />, minWidth: 170 },
    { id: "updated", header: t("updated"), value: (a) => a.LastUpdatedDate, cell: (a) => <Time at={a.LastUpdatedDate} />, minWidth: 170 },
    { id: "arn", header: t("arn"), value: (a) => a.AliasArn, optional: true, minWidth: 360 },
  ];
}

function CreateModal({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [alias, setAlias] = useState("");
  const valid = aliasPattern.test(alias);
  const create = async (): Promise<void> => {
    await kms().send(new CreateAliasCommand({ AliasName: `alias/${alias}`, TargetKeyId: id }));
    await queries.invalidateQueries({ queryKey: keysKey });
    notify({ type: "success", text: t("aliasMade", { alias }) });
  };
  return (
    <ConfirmModal title={t("createAlias")} action={t("createAlias")} disabled={!valid} onConfirm={create} onClose={onClose}>
      <FormField label={t("alias")} constraintText={t("aliasRule")} errorText={alias !== "" && !valid && t("aliasRule")}>
        <Input value={alias} onChange={({ detail }) => setAlias(detail.value)} autoFocus spellcheck={false} autoComplete={false} />
      </FormField>
    </ConfirmModal>
  );
}

function RemoveModal({ alias, onClose }: { alias: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const remove = async (): Promise<void> => {
    await kms().send(new DeleteAliasCommand({ AliasName: `alias/${alias}` }));
    await queries.invalidateQueries({ queryKey: keysKey });
    notify({ type: "success", text: t("aliasRemoved", { alias }) });
  };
  return (
    <ConfirmModal title={t("removeAliasTitle", { alias })} action={t("remove")} onConfirm={remove} onClose={onClose}>
      <Box>{t("removeAliasText")}</Box>
    </ConfirmModal>
  );
}
