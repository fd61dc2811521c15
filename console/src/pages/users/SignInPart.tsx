import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kindred } from "../../api/kindred";
import type { CreateSignInLinkResponse, SignInSession } from "../../api/kindred.types";
import { wholeList } from "../../api/pages";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { usePassword, useSessions, usersKey } from "../../resources/iam";
import catalogue from "./messages";

/** How a user signs in, and where they are signed in. */
export function SignInPart({ user }: { user: string }) {
  const t = useText(catalogue);
  const { dateTime } = useFormat();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const password = usePassword(user);
  const [setting, setSetting] = useState(false);
  const [text, setText] = useState("");
  const [link, setLink] = useState<CreateSignInLinkResponse>();
  const changed = () => queries.invalidateQueries({ queryKey: usersKey });
  const makeLink = useMutation({ mutationFn: () => kindred().call("CreateSignInLink", { UserName: user }), onSuccess: setLink });
  const remove = useMutation({
    mutationFn: () => kindred().call("DeleteUserPassword", { UserName: user }),
    onSuccess: () => notify({ type: "success", text: t("passwordRemoved") }),
    onSettled: changed,
  });
  const error = password.error ?? makeLink.error ?? remove.error;
  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header
            variant="h2"
            description={t("signInText")}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button loading={makeLink.isPending} onClick={() => makeLink.mutate()}>
                  {t("makeLink")}
                </Button>
                {password.data && (
                  <Button loading={remove.isPending} onClick={() => remove.mutate()}>
                    {t("removePassword")}
                  </Button>
                )}
                <Button onClick={() => setSetting(true)}>{t("setPassword")}</Button>
              </SpaceBetween>
            }
          >
            {t("signIn")}
          </Header>
        }
      >
        <SpaceBetween size="m">
          {error && <ErrorAlert error={error} />}
          {link && (
            <Alert type="success" header={t("linkTitle", { name: user })} action={<Button onClick={() => setLink(undefined)}>{t("done")}</Button>}>
              <SpaceBetween size="xs">
                <div>{t("linkText", { time: dateTime(link.ExpirationDate) })}</div>
                <CopyText text={link.Url} name={t("link")} />
              </SpaceBetween>
            </Alert>
          )}
          <KeyValuePairs columns={1} items={[{ label: t("password"), value: password.data ? t("passwordSince", { time: dateTime(password.data) }) : password.data === null ? t("noPassword") : "–" }]} />
        </SpaceBetween>
      </Container>
      <Sessions user={user} />
      {setting && (
        <ConfirmModal
          title={t("setPasswordTitle", { name: user })}
          action={t("setPassword")}
          disabled={text === ""}
          onConfirm={async () => {
            await kindred().call("SetUserPassword", { UserName: user, Password: text });
            notify({ type: "success", text: t("passwordSet") });
            await changed();
          }}
          onClose={() => {
            setText("");
            setSetting(false);
          }}
        >
          <FormField label={t("newPassword")} description={t("setPasswordText")}>
            <Input type="password" autoFocus autoComplete="new-password" value={text} onChange={({ detail }) => setText(detail.value)} />
          </FormField>
        </ConfirmModal>
      )}
    </SpaceBetween>
  );
}

function Sessions({ user }: { user: string }) {
  const t = useText(catalogue);
  const { dateTime } = useFormat();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const { data = [], error, isPending, isFetching, refetch } = useSessions(user);
  const end = useMutation({
    mutationFn: (id: string) => kindred().call("RevokeSession", { UserName: user, SessionId: id }),
    onSuccess: () => notify({ type: "success", text: t("ended") }),
    onSettled: () => queries.invalidateQueries({ queryKey: [...usersKey, "sessions", user] }),
  });
  const { mutate } = end;
  const columns = useMemo<Column<SignInSession>[]>(
    () => [
      { id: "since", header: t("since"), value: (s) => s.CreateDate, cell: (s) => <Time at={s.CreateDate} />, rowHeader: true },
      { id: "method", header: t("method"), value: (s) => t(s.Method) },
      {
        id: "end",
        header: t("actions"),
        cell: (s) => (
          <Button variant="inline-link" ariaLabel={t("endOf", { time: dateTime(s.CreateDate) })} onClick={() => mutate(s.SessionId)}>
            {t("end")}
          </Button>
        ),
      },
    ],
    [t, dateTime, mutate],
  );
  return (
    <SpaceBetween size="m">
      {end.error && <ErrorAlert error={end.error} />}
      <ResourceTable
        id="user.sessions"
        level="h2"
        title={t("sessions")}
        columns={columns}
        list={wholeList(data, { error, loading: isPending, fetching: isFetching, refresh: () => void refetch() })}
        keyOf={(s) => s.SessionId}
        nameOf={(s) => dateTime(s.CreateDate)}
        empty={{ title: t("noSessions") }}
      />
    </SpaceBetween>
  );
}
