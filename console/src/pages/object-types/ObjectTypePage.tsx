import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, useParams } from "react-router";
import { useFrame } from "../../app/frame";
import { AppButton } from "../../components/AppButton";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Repair } from "../../components/Repair";
import { Unsaved } from "../../components/Unsaved";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { definitionOf } from "../../mapping/draft";
import { type StoredType, fetchObjectType, objectTypesKey, putObjectType, useDefinitions, useObjectType } from "../../resources/objecttypes";
import { EditorTabs } from "./editor/EditorTabs";
import { useTypeEditor } from "./editor/useTypeEditor";
import catalogue from "./messages";

/** An object type: its fields and keys, what it makes of a record, its settings. */
export default function ObjectTypePage() {
  const t = useText(catalogue);
  const { domainName = "", objectTypeName = "" } = useParams();
  const type = useObjectType(domainName, objectTypeName);
  if (type.data) return <Editing key={`${domainName} ${objectTypeName}`} domain={domainName} stored={type.data} />;
  return (
    <Page title={objectTypeName} subject={domainName} crumbs={crumbsOf(domainName, t("title"))}>
      {type.error ? <ErrorAlert error={type.error} onRetry={() => void type.refetch()} /> : <Loading />}
    </Page>
  );
}

const crumbsOf = (domain: string, title: string) => [
  { text: domain, href: `/console/domains/${domain}` },
  { text: title, href: `/console/domains/${domain}/object-types` },
];

function Editing({ domain, stored }: { domain: string; stored: StoredType }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  // Another page may bring a record to be tried, such as a dead letter.
  const { state: brought } = useLocation() as { state: { record?: unknown } | null };
  const { name } = stored;
  const [known, setKnown] = useState(stored); // what is on the server, as far as this page knows
  const [record, setRecord] = useState(typeof brought?.record === "string" ? brought.record : "");
  const [theirs, setTheirs] = useState<StoredType>();
  const definitions = useDefinitions(domain);
  const editor = useTypeEditor(name, stored.definition, definitions.data, known.objectsLeft);

  const save = useMutation({
    mutationFn: async ({ over }: { over: boolean }) => {
      const current = over ? undefined : await fetchObjectType(domain, name);
      if (current && current.updated?.getTime() !== known.updated?.getTime()) {
        setTheirs(current);
        return;
      }
      setKnown(await putObjectType(domain, name, definitionOf(editor.state.draft)));
      setTheirs(undefined);
      editor.saved();
      notify({ type: "success", text: t("saved", { name }) });
      await queries.invalidateQueries({ queryKey: objectTypesKey(domain) });
    },
  });
  const trySaving = (): void => {
    editor.setTried();
    if (!editor.state.fault && editor.problems.all.length === 0) save.mutate({ over: false });
    else scrollTo({ top: 0 });
  };

  return (
    <Page
      title={name}
      subject={domain}
      description={known.definition.Description}
      crumbs={crumbsOf(domain, t("title"))}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          <AppButton href={`/console/domains/${domain}/upload?type=${encodeURIComponent(name)}`}>{t("upload")}</AppButton>
          <Button disabled={!editor.changed || save.isPending} onClick={() => editor.dispatch({ type: "reset", definition: known.definition })}>
            {t("discard")}
          </Button>
          <Button variant="primary" disabled={!editor.changed} loading={save.isPending} onClick={trySaving}>
            {t("save")}
          </Button>
        </SpaceBetween>
      }
    >
      <EditorTabs
        domain={domain}
        name={name}
        editor={editor}
        record={record}
        onRecord={setRecord}
        notice={
          <>
            {save.error && <Repair error={save.error} onRepaired={trySaving} />}
            {definitions.error && <Alert type="info">{t("othersUnread")}</Alert>}
          </>
        }
      />
      <Unsaved when={editor.changed} />
      {theirs && (
        <Conflict
          at={theirs.updated}
          saving={save.isPending}
          onOverwrite={() => save.mutate({ over: true })}
          onTake={() => {
            editor.dispatch({ type: "reset", definition: theirs.definition });
            setKnown(theirs);
            setTheirs(undefined);
          }}
          onClose={() => setTheirs(undefined)}
        />
      )}
    </Page>
  );
}

/** Somebody else has saved the object type in the meantime. */
function Conflict({ at, saving, onOverwrite, onTake, onClose }: { at: Date | undefined; saving: boolean; onOverwrite: () => void; onTake: () => void; onClose: () => void }) {
  const t = useText(catalogue);
  const { exact } = useFormat();
  return (
    <Modal
      visible
      header={t("conflictTitle")}
      closeAriaLabel={t("cancel")}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button onClick={onTake}>{t("takeTheirs")}</Button>
            <Button variant="primary" loading={saving} onClick={onOverwrite}>
              {t("overwrite")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      {t("conflictText", { time: at ? exact(at) : "–" })}
    </Modal>
  );
}
