import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { kindred } from "../../api/kindred";
import type { User } from "../../api/kindred.types";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { useUser, usersKey } from "../../resources/iam";
import { KeysPart } from "./KeysPart";
import catalogue from "./messages";
import { AttachedPart, InlinePart } from "./PoliciesParts";
import { SignInPart } from "./SignInPart";

/** A user: how they sign in, with what they sign, and what they may. */
export default function UserPage() {
  const t = useText(catalogue);
  const { userName = "" } = useParams();
  const { data: user, error, refetch } = useUser(userName);
  const [deleting, setDeleting] = useState(false);
  return (
    <Page title={userName} crumbs={[{ text: t("title"), href: "/console/users" }]} actions={user && <Button onClick={() => setDeleting(true)}>{t("deleteUser")}</Button>}>
      {error ? <ErrorAlert error={error} onRetry={() => void refetch()} /> : user ? <Details user={user} /> : <Loading />}
      {user && <AttachedPart user={userName} />}
      {user && <InlinePart user={userName} />}
      {user && <KeysPart user={userName} />}
      {user && <SignInPart user={userName} />}
      {deleting && <DeleteModal name={userName} onClose={() => setDeleting(false)} />}
    </Page>
  );
}

function Details({ user }: { user: User }) {
  const t = useText(catalogue);
  return (
    <Container header={<Header variant="h2">{t("details")}</Header>}>
      <KeyValuePairs
        columns={2}
        items={[
          { label: t("created"), value: <Time at={user.CreateDate} /> },
          { label: t("arn"), value: <CopyText text={user.Arn} name={t("arn")} /> },
        ]}
      />
    </Container>
  );
}

/** Deletes a user with all that is theirs: IAM refuses one who has keys or policies. */
async function deleteUser(name: string): Promise<void> {
  const user = { UserName: name };
  const api = kindred();
  const [keys, attached, inline, password] = await Promise.all([
    api.call("ListAccessKeys", user),
    api.call("ListAttachedUserPolicies", user),
    api.call("ListUserPolicies", user),
    api.call("GetUserPassword", user),
  ]);
  for (const k of keys.AccessKeyMetadata) await api.call("DeleteAccessKey", { ...user, AccessKeyId: k.AccessKeyId });
  for (const p of attached.AttachedPolicies) await api.call("DetachUserPolicy", { ...user, PolicyName: p.PolicyName });
  for (const PolicyName of inline.PolicyNames) await api.call("DeleteUserPolicy", { ...user, PolicyName });
  if (password.HasPassword) await api.call("DeleteUserPassword", user);
  await api.call("DeleteUser", user);
}

function DeleteModal({ name, onClose }: { name: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const navigate = useNavigate();
  const queries = useQueryClient();
  return (
    <ConfirmModal
      title={t("deleteTitle", { name })}
      action={t("deleteUser")}
      word={name}
      onConfirm={async () => {
        await deleteUser(name);
        notify({ type: "success", text: t("deletedUser", { name }) });
        await navigate("/console/users");
        void queries.invalidateQueries({ queryKey: [...usersKey, "list"] });
      }}
      onClose={onClose}
    >
      {t("deleteText")}
    </ConfirmModal>
  );
}
