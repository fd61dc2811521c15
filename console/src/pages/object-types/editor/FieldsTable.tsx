import AttributeEditor, { type AttributeEditorProps } from "@cloudscape-design/components/attribute-editor";
import Autosuggest from "@cloudscape-design/components/autosuggest";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TextFilter from "@cloudscape-design/components/text-filter";
import { type Dispatch, useMemo, useState } from "react";
import { type Text, useText } from "../../../i18n/text";
import { limits } from "../../../mapping/definition";
import type { Draft, FieldRow } from "../../../mapping/draft";
import type { Leaf } from "../../../mapping/sample";
import { contentTypes, standardObject } from "../../../mapping/standard";
import { suggestSources, suggestTargets } from "../../../mapping/suggest";
import catalogue from "./messages";
import type { InputTexts } from "./problems";
import type { EditorAction } from "./state";

const pageSize = 20;

/** The fields of an object type, one in a row. */
export function FieldsTable(props: {
  draft: Draft;
  problems: InputTexts;
  hints: InputTexts;
  /** Rows of which empty inputs are not found fault with yet. */
  fresh: ReadonlySet<string>;
  /** The JSON is not right, and changes would overwrite it. */
  locked: boolean;
  dispatch: Dispatch<EditorAction>;
  /** Places of the sample that is being tried. */
  leaves: readonly Leaf[];
  /** Custom attributes that the domain has. */
  attributes: readonly string[];
  /** A row that is to be seen. */
  shown: string | undefined;
}) {
  const { draft, problems, hints, fresh, locked, dispatch, leaves, attributes, shown } = props;
  const t = useText(catalogue);
  const [filter, setFilter] = useState("");
  const [page, setPage] = useState(1);
  const [focus, setFocus] = useState("");
  const wanted = filter.trim().toLowerCase();
  const found = useMemo(
    () => (wanted === "" ? draft.fields : draft.fields.filter((f) => [f.name, f.source, f.target].some((s) => s.toLowerCase().includes(wanted)))),
    [draft.fields, wanted],
  );

  // Whoever is led to a row sees its page, without a filter that hides it.
  const [led, setLed] = useState(shown);
  if (shown !== led) {
    setLed(shown);
    const at = draft.fields.findIndex((f) => f.id === shown);
    if (at >= 0) {
      setFilter("");
      setPage(Math.floor(at / pageSize) + 1);
    }
  }
  const pages = Math.max(1, Math.ceil(found.length / pageSize));
  const current = Math.min(page, pages);
  const rows = found.slice((current - 1) * pageSize, current * pageSize);

  const errorText = (row: FieldRow, member: keyof FieldRow): string | undefined => (row[member] === "" && fresh.has(row.id) ? undefined : problems.get(row.id)?.[member]);
  const definition: AttributeEditorProps.FieldDefinition<FieldRow>[] = [
    {
      label: t("name"),
      control: (row) => (
        <span id={row.id}>
          <Input value={row.name} disabled={locked} spellcheck={false} autoComplete={false} onChange={({ detail }) => dispatch({ type: "field", id: row.id, change: { name: detail.value } })} />
        </span>
      ),
      errorText: (row) => errorText(row, "name"),
    },
    {
      label: t("source"),
      control: (row) => <SourceInput row={row} locked={locked} dispatch={dispatch} leaves={leaves} active={focus === `source ${row.id}`} onActive={setFocus} />,
      errorText: (row) => errorText(row, "source"),
      warningText: (row) => (problems.get(row.id) ? undefined : hints.get(row.id)?.source),
    },
    {
      label: t("target"),
      control: (row) => <TargetInput row={row} locked={locked} dispatch={dispatch} draft={draft} attributes={attributes} active={focus === `target ${row.id}`} onActive={setFocus} />,
      errorText: (row) => errorText(row, "target"),
    },
    {
      label: t("contentType"),
      control: (row) => <ContentTypeSelect row={row} locked={locked} dispatch={dispatch} />,
      errorText: (row) => errorText(row, "contentType"),
      warningText: (row) => hints.get(row.id)?.contentType,
    },
  ];

  return (
    <Container
      header={
        <Header variant="h2" counter={`(${draft.fields.length}/${limits.fields})`} description={t("fieldsHint")}>
          {t("fields")}
        </Header>
      }
    >
      <SpaceBetween size="m">
        {(draft.fields.length > pageSize || filter !== "") && (
          <div style={{ display: "flex", gap: 16, flexWrap: "wrap", justifyContent: "space-between" }}>
            <div style={{ flex: "1 1 260px" }}>
              <TextFilter
                filteringText={filter}
                filteringPlaceholder={t("findFields")}
                filteringAriaLabel={t("findFields")}
                {...(wanted && { countText: t("fieldsFound", { count: found.length }) })}
                onChange={({ detail }) => {
                  setFilter(detail.filteringText);
                  setPage(1);
                }}
              />
            </div>
            <Pagination currentPageIndex={current} pagesCount={pages} onChange={({ detail }) => setPage(detail.currentPageIndex)} />
          </div>
        )}
        <AttributeEditor<FieldRow>
          items={rows}
          definition={definition}
          gridLayout={[
            { breakpoint: "xs", rows: [[4, 7, 9, 4]], removeButton: { width: "auto" } },
            { rows: [[2, 3], [3, 2]] },
          ]}
          empty={<Box color="text-body-secondary">{filter ? t("noFieldsFound") : t("noFields")}</Box>}
          addButtonText={t("addField")}
          disableAddButton={locked || draft.fields.length >= limits.fields}
          onAddButtonClick={() => {
            dispatch({ type: "addField" });
            setFilter("");
            setPage(Math.ceil((draft.fields.length + 1) / pageSize));
          }}
          customRowActions={({ item, ref }) => (
            <Button
              ref={ref as never}
              variant="icon"
              iconName="remove"
              disabled={locked}
              ariaLabel={t("removeField", { name: item.name || t("unnamed") })}
              onClick={() => dispatch({ type: "removeField", id: item.id })}
            />
          )}
        />
      </SpaceBetween>
    </Container>
  );
}

interface Cell {
  row: FieldRow;
  locked: boolean;
  dispatch: Dispatch<EditorAction>;
}

interface SuggestingCell extends Cell {
  /** It has the focus: only then are suggestions looked for. */
  active: boolean;
  onActive: (cell: string) => void;
}

function SourceInput({ row, locked, dispatch, leaves, active, onActive }: SuggestingCell & { leaves: readonly Leaf[] }) {
  const t = useText(catalogue);
  const options = useMemo(
    () => (active ? suggestSources(row.source, leaves).map(({ value, detail }) => ({ value, ...(detail !== undefined && { description: detail }) })) : []),
    [active, row.source, leaves],
  );
  return (
    <Autosuggest
      value={row.source}
      options={options}
      filteringType="manual"
      hideEnteredTextOption
      expandToViewport
      disabled={locked}
      disableBrowserAutocorrect
      placeholder={t("sourcePlaceholder")}
      clearAriaLabel={t("clear")}
      empty={leaves.length === 0 ? t("noSample") : t("noSuggestion")}
      onFocus={() => onActive(`source ${row.id}`)}
      onChange={({ detail }) => dispatch({ type: "field", id: row.id, change: { source: detail.value } })}
    />
  );
}

function TargetInput({ row, locked, dispatch, draft, attributes, active, onActive }: SuggestingCell & { draft: Draft; attributes: readonly string[] }) {
  const t = useText(catalogue);
  const options = useMemo(() => (active ? targetOptions(row, draft, attributes, t) : []), [active, row, draft, attributes, t]);
  return (
    <Autosuggest
      value={row.target}
      options={options}
      filteringType="manual"
      hideEnteredTextOption
      expandToViewport
      disabled={locked}
      disableBrowserAutocorrect
      placeholder={t("targetPlaceholder")}
      clearAriaLabel={t("clear")}
      empty={t("noSuggestion")}
      onFocus={() => onActive(`target ${row.id}`)}
      onChange={({ detail }) => dispatch({ type: "field", id: row.id, change: { target: detail.value } })}
    />
  );
}

function targetOptions(row: FieldRow, draft: Draft, attributes: readonly string[], t: Text<typeof catalogue>) {
  const identifiers = new Set(draft.keys.flatMap((k) => k.identifiers));
  const taken = new Set(draft.fields.filter((f) => f.id !== row.id).map((f) => f.target));
  return suggestTargets(row.target, { field: row.name, taken, identifiers, attributes }).map(({ object, targets }) => {
    const identifier = standardObject(object)?.identifier ?? "";
    return { label: identifiers.has(identifier) ? object : t("objectOf", { object, identifier }), options: targets.map((value) => ({ value })) };
  });
}

function ContentTypeSelect({ row, locked, dispatch }: Cell) {
  const t = useText(catalogue);
  const options = contentTypes.map((type) => ({ value: type, label: t(type), description: t(`${type}Hint`) }));
  const value = row.contentType || "STRING";
  return (
    <Select
      selectedOption={options.find((o) => o.value === value) ?? { value, label: value }}
      options={options}
      disabled={locked}
      expandToViewport
      onChange={({ detail }) => dispatch({ type: "field", id: row.id, change: { contentType: detail.selectedOption.value === "STRING" ? "" : (detail.selectedOption.value ?? "") } })}
    />
  );
}
