import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useFrame } from "../../app/frame";
import { Page } from "../../components/Page";
import { Repair } from "../../components/Repair";
import { Unsaved, afterSaving } from "../../components/Unsaved";
import { formatJson } from "../../components/json";
import { useText } from "../../i18n/text";
import type { Definition } from "../../mapping/definition";
import { definitionOf } from "../../mapping/draft";
import { recordsIn } from "../../mapping/sample";
import { objectTypeNames, objectTypesKey, putObjectType, useDefinitions } from "../../resources/objecttypes";
import { EditorTabs } from "./editor/EditorTabs";
import { useTypeEditor } from "./editor/useTypeEditor";
import catalogue from "./messages";

/** The second step of making an object type: what came of the first, to be changed and tried before it is created. */
export function LookThrough({ domain, name, initial, sample, onBack }: { domain: string; name: string; initial: Definition; sample: string; onBack: () => void }) {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [record, setRecord] = useState(() => firstOf(sample));
  const definitions = useDefinitions(domain);
  const editor = useTypeEditor(name, initial, definitions.data);
  const path = `/console/domains/${domain}/object-types`;

  const create = useMutation({
    mutationFn: async () => {
      // PutProfileObjectType would replace one that there is.
      const names = await objectTypeNames(domain);
      if (names.includes(name)) throw Object.assign(new Error(t("nameTaken")), { name: "AlreadyExistsException", $metadata: { httpStatusCode: 400 } });
      await putObjectType(domain, name, definitionOf(editor.state.draft));
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: objectTypesKey(domain) });
      notify({ type: "success", text: t("made", { name }) });
      void navigate(`${path}/${name}`, { state: { ...afterSaving, record } });
    },
  });
  const tryCreating = (): void => {
    editor.setTried();
    if (!editor.state.fault && editor.problems.all.length === 0) create.mutate();
    else scrollTo({ top: 0 });
  };

  return (
    <Page
      title={t("lookThrough", { name })}
      subject={domain}
      description={t("lookThroughHint")}
      crumbs={[
        { text: domain, href: `/console/domains/${domain}` },
        { text: t("title"), href: path },
      ]}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="link" onClick={() => void navigate(path)}>
            {t("cancel")}
          </Button>
          <Button onClick={onBack}>{t("back")}</Button>
          <Button variant="primary" loading={create.isPending} onClick={tryCreating}>
            {t("createIt")}
          </Button>
        </SpaceBetween>
      }
    >
      <EditorTabs domain={domain} name={name} editor={editor} record={record} onRecord={setRecord} notice={create.error && <Repair error={create.error} onRepaired={tryCreating} />} />
      <Unsaved when={!create.isSuccess} />
    </Page>
  );
}

/** The first of the sample records, as it was pasted. */
function firstOf(sample: string): string {
  const records = recordsIn(sample);
  const [first] = records ?? [];
  if (!records || first === undefined) return "";
  if (records.length === 1 && sample.trim().startsWith("{")) return formatJson(sample);
  return JSON.stringify(first, null, 2);
}
