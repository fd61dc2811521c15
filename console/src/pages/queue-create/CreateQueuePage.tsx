import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tiles from "@cloudscape-design/components/tiles";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { sqs } from "../../api/sqs";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useHandback } from "../../components/handover";
import { MadePanel } from "../../components/MadePanel";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { queueArn, queuesKey } from "../../resources/queues";
import { useSession } from "../../session/useSession";
import { type QueueForm, attributes, faults, renamed } from "./form";
import catalogue from "./messages";
import { PolicyPart } from "./PolicyPart";

/** Creates a queue: for a page in another tab that waits for it, or by itself. */
export default function CreateQueuePage() {
  const t = useText(catalogue);
  const place = useSession();
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const handBack = useHandback();
  const [form, setForm] = useState<QueueForm>(() => ({
    name: "",
    retention: "14",
    visibility: "30",
    kind: "basic",
    senders: { who: "owner", lines: "" },
    receivers: { who: "owner", lines: "" },
    policy: "",
    domain: search.get("domain") ?? "",
  }));
  const [tried, setTried] = useState(false);
  const wrong = faults(form);
  const create = useMutation({
    mutationFn: async () => {
      const { QueueUrl = "" } = await sqs().send(new CreateQueueCommand({ QueueName: form.name, Attributes: attributes(form, place) }));
      return QueueUrl;
    },
    onSuccess: (url) => {
      handBack?.(url);
      void queries.invalidateQueries({ queryKey: queuesKey });
    },
  });

  if (create.data) {
    return (
      <Page title={t("title")}>
        <MadePanel
          title={t("made", { name: form.name })}
          {...(handBack && { handedBack: t("madeText") })}
          items={[
            { label: t("url"), value: <CopyText text={create.data} name={t("url")} /> },
            { label: t("arn"), value: <CopyText text={queueArn(place.region, place.accountId, form.name)} name={t("arn")} /> },
          ]}
          closeText={t("closeTab")}
          anotherText={t("another")}
          onAnother={() => {
            create.reset();
            setTried(false);
            setForm(renamed(form, "", place));
          }}
        />
      </Page>
    );
  }
  return (
    <Page title={t("title")}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (wrong.size === 0) create.mutate();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => (handBack ? window.close() : void navigate(-1))}>
                {t("cancel")}
              </Button>
              <Button variant="primary" loading={create.isPending}>
                {t("submit")}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <Container header={<Header variant="h2">{t("details")}</Header>}>
              <SpaceBetween size="l">
                <FormField label={t("type")} stretch>
                  <Tiles value="standard" items={[{ value: "standard", label: t("standard"), description: t("standardText") }]} columns={1} />
                </FormField>
                <FormField label={t("name")} constraintText={t("nameRule")} errorText={(tried || form.name !== "") && wrong.has("name") && t("nameRule")}>
                  <Input value={form.name} onChange={({ detail }) => setForm(renamed(form, detail.value, place))} autoFocus spellcheck={false} autoComplete={false} />
                </FormField>
              </SpaceBetween>
            </Container>
            <Container header={<Header variant="h2">{t("configuration")}</Header>}>
              <SpaceBetween size="l">
                <FormField label={t("retention")} description={t("retentionHint")} constraintText={t("retentionRule")} errorText={wrong.has("retention") && t("retentionRule")}>
                  <Input type="number" inputMode="numeric" value={form.retention} onChange={({ detail }) => setForm({ ...form, retention: detail.value })} />
                </FormField>
                <FormField label={t("visibility")} constraintText={t("visibilityRule")} errorText={wrong.has("visibility") && t("visibilityRule")}>
                  <Input type="number" inputMode="numeric" value={form.visibility} onChange={({ detail }) => setForm({ ...form, visibility: detail.value })} />
                </FormField>
              </SpaceBetween>
            </Container>
            <PolicyPart form={form} onChange={setForm} tried={tried} place={place} />
            {create.error && <ErrorAlert error={create.error} />}
          </SpaceBetween>
        </Form>
      </form>
    </Page>
  );
}
