import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { JsonEditor } from "../../../components/JsonEditor";
import { useText } from "../../../i18n/text";
import { writeDefinition } from "../../../mapping/definitiontext";
import rules from "../../../mapping/messages";
import type { Leaf } from "../../../mapping/sample";
import { recall, remember } from "../../../preferences/storage";
import { FieldsTable } from "./FieldsTable";
import { KeysTable } from "./KeysTable";
import catalogue from "./messages";
import { TemplateView } from "./TemplateView";
import type { TypeEditor } from "./useTypeEditor";

type View = "both" | "table" | "json";
const storageKey = "kindred.mapping.view";

function remembered(): View {
  const view = recall(storageKey);
  return view === "table" || view === "json" ? view : "both";
}

const noRows: ReadonlySet<string> = new Set();

/** Fields and keys as a table and as JSON, side by side and in step. */
export function MappingView({ editor, leaves }: { editor: TypeEditor; leaves: readonly Leaf[] }) {
  const t = useText(catalogue);
  const rule = useText(rules);
  const [view, setView] = useState<View>(remembered);
  const { state, dispatch, problems, tried, attributes, around, shown } = editor;
  const { draft, fault } = state;
  if (draft.options.templateId !== "") return <TemplateView draft={draft} onDetach={() => dispatch({ type: "detach" })} />;

  const locked = fault !== undefined;
  const fresh = tried ? noRows : state.fresh;
  const table = (
    <SpaceBetween size="l">
      {locked && (
        <Alert type="warning" action={<Button onClick={() => dispatch({ type: "text", text: writeDefinition(draft) })}>{t("takeBack")}</Button>}>
          {t("resting")}
        </Alert>
      )}
      <FieldsTable draft={draft} problems={problems.rows} hints={problems.hints} fresh={fresh} locked={locked} dispatch={dispatch} leaves={leaves} attributes={attributes} shown={shown} />
      <KeysTable draft={draft} problems={problems.rows} fresh={fresh} locked={locked} dispatch={dispatch} domain={around.keys} />
    </SpaceBetween>
  );
  const json = (
    <Container header={<Header variant="h2" description={t("jsonHint")}>{t("json")}</Header>}>
      <JsonEditor ariaLabel={t("json")} value={state.text} rows={view === "json" ? 36 : 28} stretch errorText={fault?.say(rule)} onChange={(text) => dispatch({ type: "text", text })} />
    </Container>
  );
  return (
    <SpaceBetween size="m">
      <SegmentedControl
        label={t("view")}
        selectedId={view}
        options={[
          { id: "both", text: t("viewBoth") },
          { id: "table", text: t("viewTable") },
          { id: "json", text: t("viewJson") },
        ]}
        onChange={({ detail }) => {
          const next = detail.selectedId as View;
          setView(next);
          remember(storageKey, next);
        }}
      />
      {view === "both" ? (
        <Grid gridDefinition={[{ colspan: { default: 12, s: 8 } }, { colspan: { default: 12, s: 4 } }]}>
          {table}
          <div style={{ position: "sticky", insetBlockStart: 120 }}>{json}</div>
        </Grid>
      ) : view === "table" ? (
        table
      ) : (
        json
      )}
    </SpaceBetween>
  );
}
