import Autosuggest from "@cloudscape-design/components/autosuggest";
import Checkbox from "@cloudscape-design/components/checkbox";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import type { Dispatch } from "react";
import { useText } from "../../../i18n/text";
import type { OptionMember } from "../../../mapping/check";
import type { Options } from "../../../mapping/draft";
import { useAliases, useKeys } from "../../../resources/keys";
import catalogue from "./messages";
import type { EditorAction } from "./state";

/** The members of an object type besides its fields and keys. */
export function SettingsForm(props: {
  options: Options;
  problems: Readonly<Record<string, string>>;
  /** Empty inputs are found fault with, too. */
  tried: boolean;
  locked: boolean;
  objectsLeft: number | undefined;
  dispatch: Dispatch<EditorAction>;
}) {
  const { options, problems, tried, locked, objectsLeft, dispatch } = props;
  const t = useText(catalogue);
  const set = (change: Partial<Options>): void => dispatch({ type: "option", change });
  const wrong = (member: OptionMember, value: string): string | undefined => (tried || value !== "" ? problems[member] : undefined);
  const own = options.templateId === "";
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{t("general")}</Header>}>
        <SpaceBetween size="l">
          <FormField label={t("description")} description={t("descriptionHint")} errorText={wrong("Description", options.description)} stretch>
            <Textarea value={options.description} rows={2} disabled={locked} onChange={({ detail }) => set({ description: detail.value })} />
          </FormField>
          {own && (
            <FormField label={t("creation")}>
              <Checkbox checked={options.allowProfileCreation} disabled={locked} description={t("allowCreationHint")} onChange={({ detail }) => set({ allowProfileCreation: detail.checked })}>
                {t("allowCreation")}
              </Checkbox>
            </FormField>
          )}
          <ColumnLayout columns={2}>
            <FormField label={t("priority")} description={t("priorityHint")} errorText={wrong("SourcePriority", options.sourcePriority)}>
              <Input type="number" inputMode="numeric" value={options.sourcePriority} disabled={locked} onChange={({ detail }) => set({ sourcePriority: detail.value })} />
            </FormField>
            {own && (
              <FormField
                label={t("timeFormat")}
                description={t("timeFormatHint")}
                constraintText={t("timeFormatRule")}
                errorText={wrong("SourceLastUpdatedTimestampFormat", options.timeFormat)}
              >
                <Autosuggest
                  value={options.timeFormat}
                  options={["EpochMilli", "yyyy-MM-dd'T'HH:mm:ssXXX", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd"].map((value) => ({ value }))}
                  filteringType="none"
                  hideEnteredTextOption
                  disabled={locked}
                  disableBrowserAutocorrect
                  clearAriaLabel={t("clear")}
                  onChange={({ detail }) => set({ timeFormat: detail.value })}
                />
              </FormField>
            )}
            <FormField label={t("expiration")} description={t("expirationHint")} errorText={wrong("ExpirationDays", options.expirationDays)}>
              <Input type="number" inputMode="numeric" value={options.expirationDays} disabled={locked} onChange={({ detail }) => set({ expirationDays: detail.value })} />
            </FormField>
            <FormField
              label={t("maxObjects")}
              description={t("maxObjectsHint")}
              constraintText={objectsLeft !== undefined && t("maxObjectsLeft", { left: objectsLeft })}
              errorText={wrong("MaxProfileObjectCount", options.maxObjects)}
            >
              <Input type="number" inputMode="numeric" value={options.maxObjects} disabled={locked} onChange={({ detail }) => set({ maxObjects: detail.value })} />
            </FormField>
          </ColumnLayout>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{t("encryption")}</Header>}>
        <KeyField value={options.encryptionKey} locked={locked} onChange={(encryptionKey) => set({ encryptionKey })} />
      </Container>
    </SpaceBetween>
  );
}

function KeyField({ value, locked, onChange }: { value: string; locked: boolean; onChange: (value: string) => void }) {
  const t = useText(catalogue);
  const keys = useKeys();
  // Who may not list aliases sees ids, which say which key it is.
  const { data: aliases } = useAliases();
  return (
    <FormField label={t("key")} description={t("keyHint")} stretch>
      <Autosuggest
        value={value}
        options={keys.items.map((k) => ({ value: k.arn, description: aliases?.get(k.id)?.join(", ") ?? "" }))}
        statusType={keys.loading ? "loading" : "finished"}
        hideEnteredTextOption
        disabled={locked}
        disableBrowserAutocorrect
        placeholder="arn:aws:kms:…"
        clearAriaLabel={t("clear")}
        empty={t("noKeysThere")}
        onChange={({ detail }) => onChange(detail.value.trim())}
      />
    </FormField>
  );
}
