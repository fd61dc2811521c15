import AttributeEditor from "@cloudscape-design/components/attribute-editor";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import Tiles from "@cloudscape-design/components/tiles";
import { ErrorAlert } from "../../components/ErrorAlert";
import { JsonEditor } from "../../components/JsonEditor";
import { useText } from "../../i18n/text";
import { type KeyForm, faults, wrongTag } from "./form";
import catalogue from "./messages";

/** The type of the key, of which there is one. */
export function ConfigureStep() {
  const t = useText(catalogue);
  return (
    <Container>
      <SpaceBetween size="l">
        <FormField label={t("keyType")} stretch>
          <Tiles value="symmetric" columns={1} items={[{ value: "symmetric", label: t("symmetric"), description: t("symmetricText") }]} />
        </FormField>
        <KeyValuePairs
          columns={2}
          items={[
            { label: t("usage"), value: t("encrypt") },
            { label: t("spec"), value: "SYMMETRIC_DEFAULT" },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}

/** Alias, description and tags. */
export function LabelsStep({ form, onChange, tried }: { form: KeyForm; onChange: (form: KeyForm) => void; tried: boolean }) {
  const t = useText(catalogue);
  const wrong = faults(form);
  const tag = (index: number, some: { key?: string; value?: string }): void =>
    onChange({ ...form, tags: form.tags.map((given, i) => (i === index ? { ...given, ...some } : given)) });
  return (
    <Container>
      <SpaceBetween size="l">
        <FormField label={t("alias")} description={t("aliasHint")} constraintText={t("aliasRule")} errorText={(tried || form.alias !== "") && wrong.has("alias") && t("aliasRule")}>
          <Input value={form.alias} onChange={({ detail }) => onChange({ ...form, alias: detail.value })} autoFocus spellcheck={false} autoComplete={false} />
        </FormField>
        <FormField label={<>{t("description")} <i>– {t("optional")}</i></>}>
          <Textarea value={form.description} rows={2} onChange={({ detail }) => onChange({ ...form, description: detail.value.slice(0, 8192) })} />
        </FormField>
        <FormField label={<>{t("tags")} <i>– {t("optional")}</i></>} stretch>
          <AttributeEditor<KeyForm["tags"][number]>
            items={form.tags}
            addButtonText={t("addTag")}
            removeButtonText={t("removeTag")}
            removeButtonAriaLabel={({ key }) => t("removeTagOf", { key })}
            empty={t("noTags")}
            disableAddButton={form.tags.length >= 50}
            onAddButtonClick={() => onChange({ ...form, tags: [...form.tags, { key: "", value: "" }] })}
            onRemoveButtonClick={({ detail }) => onChange({ ...form, tags: form.tags.filter((_, i) => i !== detail.itemIndex) })}
            definition={[
              {
                label: t("tagKey"),
                control: (item, i) => <Input value={item.key} ariaLabel={t("tagKey")} onChange={({ detail }) => tag(i, { key: detail.value })} />,
                errorText: (item, i) => (tried || item.key !== "") && wrongTag(form.tags, i) === "key" && t("tagRule"),
              },
              {
                label: t("tagValue"),
                control: (item, i) => <Input value={item.value} ariaLabel={t("tagValue")} onChange={({ detail }) => tag(i, { value: detail.value })} />,
                errorText: (_, i) => wrongTag(form.tags, i) === "value" && t("tagValueRule"),
              },
            ]}
          />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}

/** All of it once more, and the policy. */
export function ReviewStep({ form, policy, onChange, error }: { form: KeyForm; policy: string; onChange: (form: KeyForm) => void; error: unknown }) {
  const t = useText(catalogue);
  const names = (arns: readonly string[]): string => arns.map((a) => a.slice(a.indexOf("/") + 1)).join(", ") || t("none");
  return (
    <SpaceBetween size="l">
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t("keyType"), value: t("symmetric") },
            { label: t("usage"), value: t("encrypt") },
            { label: t("alias"), value: form.alias || t("none") },
            { label: t("description"), value: form.description || t("none") },
            { label: t("reviewAdministrators"), value: names(form.administrators) },
            { label: t("reviewUsers"), value: names(form.users) },
            { label: t("tags"), value: form.tags.map(({ key, value }) => `${key} = ${value}`).join(", ") || t("none") },
          ]}
        />
      </Container>
      <Container
        header={
          <Header variant="h2" actions={form.policy !== undefined && <Button onClick={() => onChange({ ...form, policy: undefined })}>{t("policyReset")}</Button>}>
            {t("policy")}
          </Header>
        }
      >
        <JsonEditor
          label={t("policy")}
          stretch
          rows={20}
          value={policy}
          onChange={(text) => onChange({ ...form, policy: text })}
          errorText={faults(form).has("policy") && t("policyRule")}
        />
      </Container>
      {error !== null && <ErrorAlert error={error} />}
    </SpaceBetween>
  );
}
