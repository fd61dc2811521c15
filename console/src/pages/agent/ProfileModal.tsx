import type { CreateProfileCommandInput, Profile } from "@aws-sdk/client-customer-profiles";
import AttributeEditor from "@cloudscape-design/components/attribute-editor";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { profileName } from "../../resources/profiles";
import { createProfile, updateProfile } from "./data";
import { changes, check, type Draft, draftOf, isSound } from "./draft";
import { addressFields, addressParts, useFieldName, type FlatField, maxOf, maxText } from "./fields";
import catalogue from "./messages";

const first: readonly FlatField[] = ["FirstName", "LastName", "PhoneNumber", "EmailAddress", "AccountNumber", "BusinessName"];
const rest: readonly FlatField[] = ["MiddleName", "BirthDate", "GenderString", "PartyTypeString", "MobilePhoneNumber", "HomePhoneNumber", "BusinessPhoneNumber", "PersonalEmailAddress", "BusinessEmailAddress"];

/**
 * Makes a profile, for which a first name is enough, or changes one. before is what the
 * profile has, or what is known of a new one.
 */
export function ProfileModal(props: {
  domain: string;
  /** The profile to change; without it one is made. */
  id?: string;
  before: Partial<Profile>;
  onDone: (id: string, name: string) => void;
  onClose: () => void;
}) {
  const { domain, id, before, onDone, onClose } = props;
  const t = useText(catalogue);
  const label = useFieldName();
  const form = useId();
  const creating = id === undefined;
  const [draft, setDraft] = useState<Draft>(() => draftOf(before));
  const [tried, setTried] = useState(false);
  const faults = check(draft, creating);
  const save = useMutation({
    mutationFn: async (): Promise<string> => {
      if (creating) return createProfile({ DomainName: domain, ...(changes(draftOf(), draft) as Omit<CreateProfileCommandInput, "DomainName">) });
      const changed = changes(draftOf(before), draft);
      if (Object.keys(changed).length > 0) await updateProfile({ DomainName: domain, ProfileId: id, ...changed });
      return id;
    },
    onSuccess: (made) => {
      onDone(made, profileName(Object.fromEntries(Object.entries(draft.texts).map(([k, v]) => [k, v.trim() || undefined]))) ?? t("unnamed", { id: made.slice(-6) }));
      onClose();
    },
  });
  const submit = (e?: FormEvent): void => {
    e?.preventDefault();
    setTried(true);
    if (isSound(faults) && !save.isPending) save.mutate();
  };
  const fault = (path: string, most: number): string | undefined => {
    const f = faults.fields[path];
    return f === undefined ? undefined : f === "tooLong" ? t("tooLong", { count: most }) : tried ? t(f) : undefined;
  };
  const textInput = (f: FlatField) => (
    <FormField key={f} label={creating && f !== "FirstName" ? <>{label(f)} <i>- {t("optional")}</i></> : label(f)} errorText={fault(f, maxOf(f))}>
      <Input
        value={draft.texts[f]}
        {...(f === "FirstName" && { autoFocus: true, ariaRequired: creating })}
        autoComplete={false}
        spellcheck={false}
        onChange={({ detail }) => setDraft({ ...draft, texts: { ...draft.texts, [f]: detail.value } })}
      />
    </FormField>
  );

  return (
    <Modal
      visible
      size="large"
      header={creating ? t("createTitle") : t("editTitle", { name: profileName(before) ?? t("unnamed", { id: id.slice(-6) }) })}
      closeAriaLabel={t("close")}
      onDismiss={() => !save.isPending && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={save.isPending} onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button variant="primary" form={form} loading={save.isPending}>
              {creating ? t("create") : t("save")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form id={form} onSubmit={submit} noValidate>
        <SpaceBetween size="l">
          <ColumnLayout columns={2}>{first.map(textInput)}</ColumnLayout>
          <ExpandableSection headerText={t("more")} defaultExpanded={rest.some((f) => draft.texts[f])}>
            <SpaceBetween size="m">
              <ColumnLayout columns={2}>{rest.map(textInput)}</ColumnLayout>
              <FormField label={label("AdditionalInformation")} errorText={fault("AdditionalInformation", maxOf("AdditionalInformation"))}>
                <Textarea value={draft.texts.AdditionalInformation} rows={2} onChange={({ detail }) => setDraft({ ...draft, texts: { ...draft.texts, AdditionalInformation: detail.value } })} />
              </FormField>
            </SpaceBetween>
          </ExpandableSection>
          {addressFields.map((f) => (
            <ExpandableSection key={f} headerText={label(f)} defaultExpanded={addressParts.some((a) => draft.addresses[f][a])}>
              <ColumnLayout columns={2}>
                {addressParts.map((a) => (
                  <FormField key={a} label={label(a)} errorText={fault(`${f}.${a}`, maxText)}>
                    <Input
                      value={draft.addresses[f][a]}
                      autoComplete={false}
                      spellcheck={false}
                      onChange={({ detail }) => setDraft({ ...draft, addresses: { ...draft.addresses, [f]: { ...draft.addresses[f], [a]: detail.value } } })}
                    />
                  </FormField>
                ))}
              </ColumnLayout>
            </ExpandableSection>
          ))}
          <ExpandableSection headerText={t("attributes")} defaultExpanded={draft.attributes.length > 0}>
            <AttributeEditor
              items={draft.attributes}
              addButtonText={t("addAttribute")}
              removeButtonText={t("remove")}
              empty={t("noAttributes")}
              onAddButtonClick={() => setDraft({ ...draft, attributes: [...draft.attributes, { name: "", value: "" }] })}
              onRemoveButtonClick={({ detail }) => setDraft({ ...draft, attributes: draft.attributes.filter((_, i) => i !== detail.itemIndex) })}
              definition={(["name", "value"] as const).map((part) => ({
                label: part === "name" ? t("attributeName") : t("attributeValue"),
                errorText: (_: unknown, i: number) => {
                  const f = part === "name" ? faults.attributes[i] : undefined;
                  return f && (f === "tooLong" ? t(f, { count: maxText }) : t(f));
                },
                control: (item: Draft["attributes"][number], i: number) => (
                  <Input
                    value={item[part]}
                    spellcheck={false}
                    onChange={({ detail }) => setDraft({ ...draft, attributes: draft.attributes.with(i, { ...item, [part]: detail.value }) })}
                  />
                ),
              }))}
            />
          </ExpandableSection>
          {save.error && <ErrorAlert error={save.error} />}
        </SpaceBetween>
      </form>
    </Modal>
  );
}
