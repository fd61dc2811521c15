import { SendMessageCommand } from "@aws-sdk/client-sqs";
import AttributeEditor from "@cloudscape-design/components/attribute-editor";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sqs } from "../../api/sqs";
import { useFrame } from "../../app/frame";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { type Queue, queuesKey } from "../../resources/queues";
import { type Attribute, type Draft, attributesOf, faults, wrongAttribute } from "./message";
import catalogue from "./messages";

const nothing: Draft = { body: "", delay: "", attributes: [] };
const mostAttributes = 10; // of the API

/** Sends a message to a queue. */
export function SendPart({ queue }: { queue: Queue }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(nothing);
  const [tried, setTried] = useState(false);
  const wrong = faults(draft);
  const send = useMutation({
    mutationFn: () =>
      sqs().send(
        new SendMessageCommand({
          QueueUrl: queue.url,
          MessageBody: draft.body,
          ...(draft.delay.trim() !== "" && { DelaySeconds: Number(draft.delay) }),
          ...(draft.attributes.length > 0 && { MessageAttributes: attributesOf(draft) }),
        }),
      ),
    onSuccess: async () => {
      setDraft(nothing);
      setTried(false);
      notify({ type: "success", text: t("sent") });
      await queries.invalidateQueries({ queryKey: queuesKey });
    },
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (wrong.size === 0) send.mutate();
      }}
    >
      <Container
        header={
          <Header variant="h2" actions={<Button loading={send.isPending}>{t("send")}</Button>}>
            {t("sendTitle")}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <FormField label={t("body")} stretch errorText={tried && wrong.has("body") && t("needBody")}>
            <div className="kindred-code-input">
              <Textarea value={draft.body} rows={4} spellcheck={false} onChange={({ detail }) => setDraft({ ...draft, body: detail.value })} />
            </div>
          </FormField>
          <FormField label={t("delaySeconds")} description={t("delaySecondsHint")} errorText={wrong.has("delay") && t("delaySecondsRule")}>
            <Input type="number" inputMode="numeric" value={draft.delay} onChange={({ detail }) => setDraft({ ...draft, delay: detail.value })} />
          </FormField>
          <ExpandableSection headerText={`${t("attributes")} (${draft.attributes.length})`}>
            <Attributes list={draft.attributes} tried={tried} onChange={(attributes) => setDraft({ ...draft, attributes })} />
          </ExpandableSection>
          {send.error && <ErrorAlert error={send.error} />}
        </SpaceBetween>
      </Container>
    </form>
  );
}

function Attributes({ list, tried, onChange }: { list: readonly Attribute[]; tried: boolean; onChange: (list: readonly Attribute[]) => void }) {
  const t = useText(catalogue);
  const change = (index: number, some: Partial<Attribute>): void => onChange(list.map((a, i) => (i === index ? { ...a, ...some } : a)));
  const wrong = (index: number) => (tried || list[index]?.name !== "" ? wrongAttribute(list, index) : undefined);
  const types = (["String", "Number"] as const).map((value) => ({ value, label: value }));
  return (
    <AttributeEditor<Attribute>
      items={list}
      addButtonText={t("addAttribute")}
      removeButtonText={t("removeAttribute")}
      removeButtonAriaLabel={({ name }) => t("removeAttributeOf", { name })}
      empty={t("noAttributes")}
      disableAddButton={list.length >= mostAttributes}
      onAddButtonClick={() => onChange([...list, { name: "", type: "String", value: "" }])}
      onRemoveButtonClick={({ detail }) => onChange(list.filter((_, i) => i !== detail.itemIndex))}
      definition={[
        {
          label: t("attributeName"),
          control: ({ name }, i) => <Input value={name} ariaLabel={t("attributeName")} spellcheck={false} onChange={({ detail }) => change(i, { name: detail.value })} />,
          errorText: (_, i) => wrong(i) === "name" && t("attributeRule"),
        },
        {
          label: t("attributeType"),
          control: ({ type }, i) => (
            <Select
              ariaLabel={t("attributeType")}
              options={types}
              selectedOption={{ value: type, label: type }}
              onChange={({ detail }) => change(i, { type: detail.selectedOption.value === "Number" ? "Number" : "String" })}
            />
          ),
        },
        {
          label: t("attributeValue"),
          control: ({ value }, i) => <Input value={value} ariaLabel={t("attributeValue")} spellcheck={false} onChange={({ detail }) => change(i, { value: detail.value })} />,
          errorText: (_, i) => (wrong(i) === "value" ? tried && t("needValue") : wrong(i) === "number" && t("numberRule")),
        },
      ]}
    />
  );
}
