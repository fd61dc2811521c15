import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { kindred } from "../../api/kindred";
import type { Policy } from "../../api/kindred.types";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { CopyBlock, CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { JsonEditor } from "../../components/JsonEditor";
import { Loading } from "../../components/Loading";
import { parseJson } from "../../components/json";
import { Page } from "../../components/Page";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { policiesKey, usePolicy } from "../../resources/iam";
import catalogue from "./messages";

/** A managed policy, and its text to change. */
export default function PolicyPage() {
  const t = useText(catalogue);
  const { policyName = "" } = useParams();
  const { data, error, refetch } = usePolicy(policyName);
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const own = data && !data.policy.Predefined;
  return (
    <Page title={policyName} crumbs={[{ text: t("title"), href: "/console/policies" }]} description={data?.policy.Description} actions={own && <Button onClick={() => setDeleting(true)}>{t("remove")}</Button>}>
      {error ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : data ? (
        <SpaceBetween size="l">
          <Details policy={data.policy} />
          {own ? (
            <Editor key={data.document} name={policyName} document={data.document} />
          ) : (
            <Container header={<Header variant="h2">{t("document")}</Header>}>
              <SpaceBetween size="m">
                <Alert type="info">{t("fixed")}</Alert>
                <CopyBlock text={data.document} name={t("document")} />
              </SpaceBetween>
            </Container>
          )}
        </SpaceBetween>
      ) : (
        <Loading />
      )}
      {deleting && (
        <ConfirmModal
          title={t("removeTitle", { name: policyName })}
          action={t("remove")}
          onConfirm={async () => {
            await kindred().call("DeletePolicy", { PolicyName: policyName });
            notify({ type: "success", text: t("removed", { name: policyName }) });
            await navigate("/console/policies");
            void queries.invalidateQueries({ queryKey: [...policiesKey, "list"] });
          }}
          onClose={() => setDeleting(false)}
        >
          {t("removeText")}
        </ConfirmModal>
      )}
    </Page>
  );
}

function Details({ policy }: { policy: Policy }) {
  const t = useText(catalogue);
  const { number } = useFormat();
  return (
    <Container header={<Header variant="h2">{t("details")}</Header>}>
      <KeyValuePairs
        columns={4}
        items={[
          { label: t("kind"), value: policy.Predefined ? t("predefined") : t("own") },
          { label: t("attachments"), value: number(policy.AttachmentCount) },
          { label: t("updated"), value: <Time at={policy.UpdateDate} /> },
          { label: t("arn"), value: <CopyText text={policy.Arn} name={t("arn")} /> },
        ]}
      />
    </Container>
  );
}

function Editor({ name, document }: { name: string; document: string }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [text, setText] = useState(document);
  const save = useMutation({
    mutationFn: () => kindred().call("UpdatePolicy", { PolicyName: name, PolicyDocument: text }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: policiesKey });
      notify({ type: "success", text: t("saved", { name }) });
    },
  });
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button disabled={text === document} onClick={() => setText(document)}>
                {t("discard")}
              </Button>
              <Button variant="primary" disabled={text === document || "fault" in parseJson(text)} loading={save.isPending} onClick={() => save.mutate()}>
                {t("save")}
              </Button>
            </SpaceBetween>
          }
        >
          {t("document")}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <JsonEditor ariaLabel={t("document")} description={t("documentHint")} value={text} onChange={setText} stretch />
        {save.error && <ErrorAlert error={save.error} />}
      </SpaceBetween>
    </Container>
  );
}
