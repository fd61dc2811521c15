import Alert from "@cloudscape-design/components/alert";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { type ReactNode, useEffect, useMemo, useRef } from "react";
import { useSearchParams } from "react-router";
import { useText } from "../../../i18n/text";
import type { Place, Problem } from "../../../mapping/check";
import rules from "../../../mapping/messages";
import { leavesOf, recordsIn } from "../../../mapping/sample";
import catalogue from "../messages";
import { TryView } from "../try/TryView";
import { MappingView } from "./MappingView";
import { SettingsForm } from "./SettingsForm";
import type { TypeEditor } from "./useTypeEditor";

const tabs = ["mapping", "try", "settings"] as const;
type Tab = (typeof tabs)[number];

/** Problems that are listed; the rest is told by their number. */
const listed = 5;

/** An object type in its three views, above them what is wrong with it. notice stands between. */
export function EditorTabs(props: { domain: string; name: string; editor: TypeEditor; record: string; onRecord: (record: string) => void; notice?: ReactNode }) {
  const { domain, name, editor, record, onRecord, notice } = props;
  const t = useText(catalogue);
  const [search, setSearch] = useSearchParams();
  const tab: Tab = tabs.find((id) => id === search.get("tab")) ?? "mapping";
  const open = (id: string): void =>
    setSearch(
      (before) => {
        before.set("tab", id);
        return before;
      },
      { replace: true },
    );
  const leaves = useMemo(() => leavesOf(recordsIn(record) ?? []), [record]);
  useLedTo(editor.shown, tab);

  return (
    <SpaceBetween size="l">
      {notice}
      {editor.tried && <ProblemList editor={editor} onFollow={(place) => (open(place.part === "option" ? "settings" : "mapping"), editor.show(place))} />}
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => open(detail.activeTabId)}
        tabs={[
          { id: "mapping", label: t("mapping"), content: <MappingView editor={editor} leaves={leaves} /> },
          { id: "try", label: t("tryTab"), content: <TryView domain={domain} name={name} editor={editor} record={record} onRecord={onRecord} /> },
          {
            id: "settings",
            label: t("settings"),
            content: (
              <SettingsForm
                options={editor.state.draft.options}
                problems={editor.problems.options}
                tried={editor.tried}
                locked={editor.state.fault !== undefined}
                objectsLeft={editor.around.objectsLeft}
                dispatch={editor.dispatch}
              />
            ),
          },
        ]}
      />
    </SpaceBetween>
  );
}

/** Puts the focus into a row that the user was led to. */
function useLedTo(row: string | undefined, tab: Tab): void {
  const led = useRef<string>(undefined);
  useEffect(() => {
    if (row === undefined || tab !== "mapping" || led.current === row) return;
    const input = document.getElementById(row)?.querySelector("input");
    if (!input) return;
    led.current = row;
    input.scrollIntoView({ block: "center" });
    input.focus();
  });
}

function ProblemList({ editor, onFollow }: { editor: TypeEditor; onFollow: (place: Place) => void }) {
  const t = useText(catalogue);
  const rule = useText(rules);
  const { all } = editor.problems;
  const { fault } = editor.state;
  if (fault) {
    return (
      <Alert type="error" header={t("jsonWrong")}>
        {fault.say(rule)}
      </Alert>
    );
  }
  if (all.length === 0) return null;
  const leads = ({ place }: Problem): boolean => "row" in place || place.part === "option";
  return (
    <Alert type="error" header={t("problems", { count: all.length })}>
      <SpaceBetween size="xxs">
        {all.slice(0, listed).map(({ problem, text }, i) => (
          <div key={`${i} ${text}`} style={{ overflowWrap: "anywhere" }}>
            {leads(problem) ? <Link onFollow={() => onFollow(problem.place)}>{text}</Link> : text}
          </div>
        ))}
        {all.length > listed && <div>{t("moreProblems", { count: all.length - listed })}</div>}
      </SpaceBetween>
    </Alert>
  );
}
