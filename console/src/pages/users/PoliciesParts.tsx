import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kindred } from "../../api/kindred";
import { wholeList } from "../../api/pages";
import { useFrame } from "../../app/frame";
import { AppLink } from "../../components/AppLink";
import { ConfirmModal } from "../../components/ConfirmModal";
import { ErrorAlert } from "../../components/ErrorAlert";
import { JsonEditor } from "../../components/JsonEditor";
import { Loading } from "../../components/Loading";
import { parseJson } from "../../components/json";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { useText } from "../../i18n/text";
import { policyNamePattern, useAttached, useInline, usePolicies, usersKey } from "../../resources/iam";
import catalogue from "./messages";

/** The managed policies that are attached to a user. */
export function AttachedPart({ user }: { user: string }) {
  const t = useText(catalogue);
  const queries = useQueryClient();
  const { data = [], error, isPending, isFetching, refetch } = useAttached(user);
  const policies = usePolicies();
  const [chosen, setChosen] = useState<string>();
  const changed = () => queries.invalidateQueries({ queryKey: usersKey });
  const attach = useMutation({ mutationFn: (name: string) => kindred().call("AttachUserPolicy", { UserName: user, PolicyName: name }), onSuccess: () => setChosen(undefined), onSettled: changed });
  const detach = useMutation({ mutationFn: (name: string) => kindred().call("DetachUserPolicy", { UserName: user, PolicyName: name }), onSettled: changed });
  const { mutate } = detach;
  const columns = useMemo<Column<string>[]>(
    () => [
      { id: "name", header: t("policyName"), value: (n) => n, cell: (n) => <AppLink href={`/console/policies/${encodeURIComponent(n)}`}>{n}</AppLink>, rowHeader: true },
      {
        id: "detach",
        header: t("actions"),
        cell: (n) => (
          <Button variant="inline-link" ariaLabel={t("detachOf", { name: n })} onClick={() => mutate(n)}>
            {t("detach")}
          </Button>
        ),
      },
    ],
    [t, mutate],
  );
  const others = policies.items.filter((p) => !data.includes(p.PolicyName));
  return (
    <SpaceBetween size="m">
      {(attach.error ?? detach.error) && <ErrorAlert error={attach.error ?? detach.error} />}
      <ResourceTable
        id="user.attached"
        level="h2"
        title={t("attached")}
        columns={columns}
        list={wholeList(data, { error, loading: isPending, fetching: isFetching, refresh: () => void refetch() })}
        keyOf={(n) => n}
        nameOf={(n) => n}
        empty={{ title: t("noAttached") }}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <div style={{ inlineSize: 240 }}>
              <Select
                ariaLabel={t("attachLabel")}
                placeholder={t("choosePolicy")}
                empty={t("noMore")}
                selectedOption={chosen ? { value: chosen, label: chosen } : null}
                options={others.map((p) => ({ value: p.PolicyName, label: p.PolicyName, ...(p.Description && { description: p.Description }) }))}
                expandToViewport
                onChange={({ detail }) => setChosen(detail.selectedOption.value)}
              />
            </div>
            <Button disabled={!chosen} loading={attach.isPending} onClick={() => chosen && attach.mutate(chosen)}>
              {t("attach")}
            </Button>
          </SpaceBetween>
        }
      />
    </SpaceBetween>
  );
}

const example = `{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Action": ["profile:SearchProfiles"], "Resource": "*" }]
}`;

/** The policies that are a user's alone. */
export function InlinePart({ user }: { user: string }) {
  const t = useText(catalogue);
  const queries = useQueryClient();
  const { data = [], error, isPending, isFetching, refetch } = useInline(user);
  const [editing, setEditing] = useState<{ name: string | undefined }>();
  const [deleting, setDeleting] = useState<string>();
  const columns = useMemo<Column<string>[]>(
    () => [
      { id: "name", header: t("policyName"), value: (n) => n, rowHeader: true },
      {
        id: "actions",
        header: t("actions"),
        cell: (n) => (
          <SpaceBetween direction="horizontal" size="s">
            <Button variant="inline-link" ariaLabel={t("editOf", { name: n })} onClick={() => setEditing({ name: n })}>
              {t("edit")}
            </Button>
            <Button variant="inline-link" ariaLabel={t("removeOf", { name: n })} onClick={() => setDeleting(n)}>
              {t("remove")}
            </Button>
          </SpaceBetween>
        ),
      },
    ],
    [t],
  );
  return (
    <>
      <ResourceTable
        id="user.inline"
        level="h2"
        title={t("inline")}
        columns={columns}
        list={wholeList(data, { error, loading: isPending, fetching: isFetching, refresh: () => void refetch() })}
        keyOf={(n) => n}
        nameOf={(n) => n}
        empty={{ title: t("noInline") }}
        actions={<Button onClick={() => setEditing({ name: undefined })}>{t("addInline")}</Button>}
      />
      {editing && <InlineModal user={user} name={editing.name} onClose={() => setEditing(undefined)} />}
      {deleting && (
        <ConfirmModal
          title={t("deletePolicyTitle", { name: deleting })}
          action={t("remove")}
          onConfirm={async () => {
            await kindred().call("DeleteUserPolicy", { UserName: user, PolicyName: deleting });
            await queries.invalidateQueries({ queryKey: usersKey });
          }}
          onClose={() => setDeleting(undefined)}
        >
          {t("deletePolicyText")}
        </ConfirmModal>
      )}
    </>
  );
}

/** Makes a policy of a user, or changes the one of a name. */
function InlineModal({ user, name, onClose }: { user: string; name: string | undefined; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const stored = useQuery({
    queryKey: [...usersKey, "inline", user, name],
    enabled: name !== undefined,
    queryFn: async ({ signal }) => (await kindred().call("GetUserPolicy", { UserName: user, PolicyName: name ?? "" }, { signal })).PolicyDocument,
  });
  const [given, setGiven] = useState("");
  const [edited, setEdited] = useState<string>();
  const text = edited ?? (name === undefined ? example : stored.data);
  const policyName = name ?? given;
  const save = useMutation({
    mutationFn: () => kindred().call("PutUserPolicy", { UserName: user, PolicyName: policyName, PolicyDocument: text ?? "" }),
    onSuccess: () => {
      notify({ type: "success", text: t("saved", { name: policyName }) });
      void queries.invalidateQueries({ queryKey: usersKey });
      onClose();
    },
  });
  const sound = policyNamePattern.test(policyName) && text !== undefined && "value" in parseJson(text);
  return (
    <Modal
      visible
      size="large"
      header={name === undefined ? t("addInline") : t("editOf", { name })}
      closeAriaLabel={t("close")}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <Button variant="primary" disabled={!sound} loading={save.isPending} onClick={() => save.mutate()}>
            {t("save")}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {name === undefined && (
          <FormField label={t("policyName")} errorText={given !== "" && !policyNamePattern.test(given) && t("nameRule")}>
            <Input value={given} autoFocus spellcheck={false} autoComplete={false} onChange={({ detail }) => setGiven(detail.value)} />
          </FormField>
        )}
        {stored.error ? <ErrorAlert error={stored.error} /> : text === undefined ? <Loading /> : <JsonEditor label={t("document")} value={text} onChange={setEdited} stretch />}
        {save.error && <ErrorAlert error={save.error} />}
      </SpaceBetween>
    </Modal>
  );
}
