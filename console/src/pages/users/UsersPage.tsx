import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { kindred } from "../../api/kindred";
import type { User } from "../../api/kindred.types";
import { useFrame } from "../../app/frame";
import { AppLink } from "../../components/AppLink";
import { ConfirmModal } from "../../components/ConfirmModal";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { iamNamePattern, useUserRows, usersKey } from "../../resources/iam";
import catalogue from "./messages";

const userPath = (name: string): string => `/console/users/${encodeURIComponent(name)}`;

/** The users. */
export default function UsersPage() {
  const t = useText(catalogue);
  const list = useUserRows();
  const [creating, setCreating] = useState(false);
  const columns = useMemo<Column<User>[]>(
    () => [
      { id: "name", header: t("name"), value: (u) => u.UserName, cell: (u) => <AppLink href={userPath(u.UserName)}>{u.UserName}</AppLink>, rowHeader: true, minWidth: 160 },
      { id: "policies", header: t("policies"), value: (u) => [...(u.AttachedPolicyNames ?? []), ...(u.InlinePolicyNames ?? [])].join(", "), minWidth: 200 },
      { id: "keys", header: t("accessKeys"), value: (u) => u.AccessKeyCount },
      { id: "created", header: t("created"), value: (u) => u.CreateDate, cell: (u) => <Time at={u.CreateDate} /> },
    ],
    [t],
  );
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("title")} headless>
      <ResourceTable
        id="users"
        title={t("title")}
        description={t("description")}
        columns={columns}
        list={list}
        keyOf={(u) => u.UserName}
        nameOf={(u) => u.UserName}
        empty={{ title: t("empty"), action: create }}
        actions={create}
        wrap
      />
      {creating && <CreateModal onClose={() => setCreating(false)} />}
    </Page>
  );
}

/** The policies that every installation has, for people. */
const roles = ["KindredAgent", "KindredSupervisor", "KindredAdministrator"] as const;

function CreateModal({ onClose }: { onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState("");
  const options = [{ value: "", label: t("roleNone") }, ...roles.map((r) => ({ value: r as string, label: t(r) }))];
  return (
    <ConfirmModal
      title={t("create")}
      action={t("create")}
      disabled={!iamNamePattern.test(name)}
      onConfirm={async () => {
        await kindred().call("CreateUser", { UserName: name });
        if (role) await kindred().call("AttachUserPolicy", { UserName: name, PolicyName: role });
        await queries.invalidateQueries({ queryKey: usersKey });
        notify({ type: "success", text: t("madeUser", { name }) });
        void navigate(userPath(name));
      }}
      onClose={onClose}
    >
      <FormField label={t("name")} constraintText={t("nameRule")} errorText={name !== "" && !iamNamePattern.test(name) && t("nameRule")}>
        <Input value={name} autoFocus spellcheck={false} autoComplete={false} onChange={({ detail }) => setName(detail.value)} />
      </FormField>
      <FormField label={t("role")} description={t("createText")}>
        <Select selectedOption={options.find((o) => o.value === role) ?? null} options={options} onChange={({ detail }) => setRole(detail.selectedOption.value ?? "")} />
      </FormField>
    </ConfirmModal>
  );
}
