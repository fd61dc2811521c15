import AttributeEditor, { type AttributeEditorProps } from "@cloudscape-design/components/attribute-editor";
import Autosuggest from "@cloudscape-design/components/autosuggest";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Multiselect from "@cloudscape-design/components/multiselect";
import { type Dispatch, useMemo } from "react";
import { type Text, useText } from "../../../i18n/text";
import { type DomainKeys, limits, modifiers } from "../../../mapping/definition";
import type { Draft, KeyRow } from "../../../mapping/draft";
import { predefinedKeys, standardObjects } from "../../../mapping/standard";
import catalogue from "./messages";
import type { InputTexts } from "./problems";
import type { EditorAction } from "./state";

/** The keys of an object type, one definition in a row. */
export function KeysTable(props: {
  draft: Draft;
  problems: InputTexts;
  fresh: ReadonlySet<string>;
  locked: boolean;
  dispatch: Dispatch<EditorAction>;
  /** The keys of the domain's other object types. */
  domain: DomainKeys;
}) {
  const { draft, problems, fresh, locked, dispatch, domain } = props;
  const t = useText(catalogue);
  const identifierOptions = useMemo(() => identifiersOf(t), [t]);
  const nameOptions = useMemo(() => namesOf(domain, t), [domain, t]);
  const fieldOptions = useMemo(() => [...new Set(draft.fields.map((f) => f.name))].filter((n) => n !== "").map((value) => ({ value, label: value })), [draft.fields]);
  const errorText = (row: KeyRow, member: "name" | "identifiers" | "fields"): string | undefined => {
    const empty = member === "name" ? row.name === "" : member === "fields" && row.fieldNames.length === 0;
    return empty && fresh.has(row.id) ? undefined : problems.get(row.id)?.[member];
  };
  const change = (row: KeyRow, some: Partial<KeyRow>): void => dispatch({ type: "key", id: row.id, change: some });

  const definition: AttributeEditorProps.FieldDefinition<KeyRow>[] = [
    {
      label: t("name"),
      control: (row) => (
        <span id={row.id}>
          <Autosuggest
            value={row.name}
            options={nameOptions}
            hideEnteredTextOption
            expandToViewport
            disabled={locked}
            disableBrowserAutocorrect
            clearAriaLabel={t("clear")}
            empty={t("noSuggestion")}
            onChange={({ detail }) => change(row, { name: detail.value })}
          />
        </span>
      ),
      errorText: (row) => errorText(row, "name"),
    },
    {
      label: t("keyFields"),
      control: (row) => (
        <Multiselect
          selectedOptions={row.fieldNames.map((value) => ({ value, label: value }))}
          options={fieldOptions}
          expandToViewport
          disabled={locked}
          filteringType="auto"
          placeholder={t("chooseFields")}
          deselectAriaLabel={(o) => t("remove", { name: o.label ?? "" })}
          onChange={({ detail }) => change(row, { fieldNames: detail.selectedOptions.map((o) => o.value ?? "") })}
        />
      ),
      errorText: (row) => errorText(row, "fields"),
    },
    {
      label: t("keyIdentifiers"),
      control: (row) => (
        <Multiselect
          selectedOptions={row.identifiers.map((value) => ({ value, label: value }))}
          options={identifierOptions}
          expandToViewport
          disabled={locked}
          filteringType="auto"
          placeholder={t("searchOnly")}
          deselectAriaLabel={(o) => t("remove", { name: o.label ?? "" })}
          onChange={({ detail }) => change(row, { identifiers: detail.selectedOptions.map((o) => o.value ?? "") })}
        />
      ),
      errorText: (row) => errorText(row, "identifiers"),
    },
  ];

  return (
    <Container
      header={
        <Header variant="h2" counter={`(${draft.keys.length}/${limits.keyDefinitions})`} description={t("keysHint")}>
          {t("keys")}
        </Header>
      }
    >
      <AttributeEditor<KeyRow>
        items={draft.keys}
        definition={definition}
        gridLayout={[
          { breakpoint: "xs", rows: [[4, 5, 6]], removeButton: { width: "auto" } },
          { rows: [[1, 1], [2]] },
        ]}
        empty={<Box color="text-body-secondary">{t("noKeys")}</Box>}
        addButtonText={t("addKey")}
        disableAddButton={locked || draft.keys.length >= limits.keyDefinitions}
        onAddButtonClick={() => dispatch({ type: "addKey" })}
        customRowActions={({ item, ref }) => (
          <Button
            ref={ref as never}
            variant="icon"
            iconName="remove"
            disabled={locked}
            ariaLabel={t("removeKey", { name: item.name || t("unnamed") })}
            onClick={() => dispatch({ type: "removeKey", id: item.id })}
          />
        )}
      />
    </Container>
  );
}

function identifiersOf(t: Text<typeof catalogue>) {
  const objects = standardObjects.map((o) => ({ value: o.identifier, label: o.identifier, description: o.identifier === "PROFILE" ? t("PROFILE") : t("findsObject", { object: o.name }) }));
  const [profile, ...others] = objects;
  const how = modifiers.map((m) => ({ value: m, label: m, description: t(m) }));
  return [...(profile ? [profile] : []), ...how, { label: t("objectGroup"), options: others }];
}

function namesOf(domain: DomainKeys, t: Text<typeof catalogue>) {
  const known = [...domain].map(([value, signature]) => ({ value, description: signature })).sort((a, b) => a.value.localeCompare(b.value));
  const predefined = predefinedKeys.filter((k) => !domain.has(k.name)).map((k) => ({ value: k.name, description: [k.type, k.object].filter(Boolean).join(", ") }));
  return [...(known.length > 0 ? [{ label: t("ofDomain"), options: known }] : []), { label: t("predefined"), options: predefined }];
}
