import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kindred } from "../../api/kindred";
import type { AccessKey, AccessKeyMetadata } from "../../api/kindred.types";
import { wholeList } from "../../api/pages";
import { ConfirmModal } from "../../components/ConfirmModal";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { useAccessKeys, usersKey } from "../../resources/iam";
import catalogue from "./messages";

/** The access keys of a user. The secret of a new one is shown until the page is left or it is put away. */
export function KeysPart({ user }: { user: string }) {
  const t = useText(catalogue);
  const queries = useQueryClient();
  const { data = [], error, isPending, isFetching, refetch } = useAccessKeys(user);
  const [made, setMade] = useState<AccessKey>();
  const [deleting, setDeleting] = useState<string>();
  const changed = () => queries.invalidateQueries({ queryKey: usersKey });
  const create = useMutation({ mutationFn: () => kindred().call("CreateAccessKey", { UserName: user }), onSuccess: (out) => setMade(out.AccessKey), onSettled: changed });
  const turn = useMutation({
    mutationFn: (k: AccessKeyMetadata) => kindred().call("UpdateAccessKey", { UserName: user, AccessKeyId: k.AccessKeyId, Status: k.Status === "Active" ? "Inactive" : "Active" }),
    onSettled: changed,
  });
  const { mutate } = turn;
  const columns = useMemo<Column<AccessKeyMetadata>[]>(() => {
    const verb = (k: AccessKeyMetadata): string => (k.Status === "Active" ? t("deactivate") : t("activate"));
    return [
      { id: "id", header: t("keyId"), value: (k) => k.AccessKeyId, cell: (k) => <CopyText text={k.AccessKeyId} name={t("keyId")} />, rowHeader: true, minWidth: 240 },
      { id: "status", header: t("status"), value: (k) => t(k.Status), cell: (k) => <StatusIndicator type={k.Status === "Active" ? "success" : "stopped"}>{t(k.Status)}</StatusIndicator> },
      { id: "created", header: t("created"), value: (k) => k.CreateDate, cell: (k) => <Time at={k.CreateDate} /> },
      {
        id: "actions",
        header: t("actions"),
        cell: (k) => (
          <SpaceBetween direction="horizontal" size="s">
            <Button variant="inline-link" ariaLabel={t("ofKey", { verb: verb(k), id: k.AccessKeyId })} onClick={() => mutate(k)}>
              {verb(k)}
            </Button>
            <Button variant="inline-link" ariaLabel={t("ofKey", { verb: t("remove"), id: k.AccessKeyId })} onClick={() => setDeleting(k.AccessKeyId)}>
              {t("remove")}
            </Button>
          </SpaceBetween>
        ),
      },
    ];
  }, [t, mutate]);
  return (
    <SpaceBetween size="m">
      {(create.error ?? turn.error) && <ErrorAlert error={create.error ?? turn.error} />}
      {made && (
        <Alert type="success" header={t("keyMade")} action={<Button onClick={() => setMade(undefined)}>{t("done")}</Button>}>
          <SpaceBetween size="s">
            <div>{t("keyMadeText")}</div>
            <KeyValuePairs
              columns={2}
              items={[
                { label: t("keyId"), value: <CopyText text={made.AccessKeyId} name={t("keyId")} /> },
                { label: t("secret"), value: <CopyText text={made.SecretAccessKey} name={t("secret")} /> },
              ]}
            />
          </SpaceBetween>
        </Alert>
      )}
      <ResourceTable
        id="user.keys"
        level="h2"
        title={t("accessKeys")}
        columns={columns}
        list={wholeList(data, { error, loading: isPending, fetching: isFetching, refresh: () => void refetch() })}
        keyOf={(k) => k.AccessKeyId}
        nameOf={(k) => k.AccessKeyId}
        empty={{ title: t("noKeys") }}
        actions={
          <Button loading={create.isPending} onClick={() => create.mutate()}>
            {t("makeKey")}
          </Button>
        }
      />
      {deleting && (
        <ConfirmModal
          title={t("deleteKeyTitle")}
          action={t("remove")}
          onConfirm={async () => {
            await kindred().call("DeleteAccessKey", { UserName: user, AccessKeyId: deleting });
            await changed();
          }}
          onClose={() => setDeleting(undefined)}
        >
          {t("deleteKeyText", { id: deleting })}
        </ConfirmModal>
      )}
    </SpaceBetween>
  );
}
