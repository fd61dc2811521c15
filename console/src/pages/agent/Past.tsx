import type { ProfileHistoryRecord } from "@aws-sdk/client-customer-profiles";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kindred } from "../../api/kindred";
import type { Merge } from "../../api/kindred.types";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { CopyBlock } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { profilesChanged, useHistory, useHistoryContent, useLineage } from "./data";
import catalogue from "./messages";
import { whoIs } from "./Sourced";

interface Place {
  domain: string;
  id: string;
}

/** What happened to a profile, and who did it. */
export function HistoryPart({ domain, id }: Place) {
  const t = useText(catalogue);
  const list = useHistory(domain, id);
  const [shown, setShown] = useState<ProfileHistoryRecord>();
  const columns = useMemo<Column<ProfileHistoryRecord>[]>(
    () => [
      { id: "time", header: t("time"), value: (r) => r.CreatedAt, cell: (r) => <Time at={r.CreatedAt} />, rowHeader: true },
      { id: "what", header: t("what"), value: (r) => actionName(r, t) },
      { id: "type", header: t("type"), value: (r) => (r.ObjectTypeName === "_profile" ? undefined : r.ObjectTypeName) },
      { id: "by", header: t("by"), value: (r) => whoIs(r.PerformedBy) ?? t("bySystem") },
      {
        id: "record",
        header: t("record"),
        cell: (r) => (
          <Button variant="inline-link" ariaLabel={`${t("whole")}: ${actionName(r, t)}`} onClick={() => setShown(r)}>
            {t("whole")}
          </Button>
        ),
      },
    ],
    [t],
  );
  return (
    <>
      <ResourceTable id="agent.history" level="h2" title={t("history")} columns={columns} list={list} keyOf={(r) => r.Id ?? ""} nameOf={(r) => actionName(r, t)} empty={{ title: t("noHistory") }} />
      {shown && <ContentModal domain={domain} id={id} record={shown} onClose={() => setShown(undefined)} />}
    </>
  );
}

function actionName(r: ProfileHistoryRecord, t: ReturnType<typeof useText<typeof catalogue>>): string {
  const action = r.ActionType ?? "";
  return action in catalogue ? t(action as "CREATED") : action;
}

function ContentModal({ domain, id, record, onClose }: Place & { record: ProfileHistoryRecord; onClose: () => void }) {
  const t = useText(catalogue);
  const { data, error, refetch } = useHistoryContent(domain, id, record.Id);
  return (
    <Modal
      visible
      size="large"
      header={actionName(record, t)}
      closeAriaLabel={t("close")}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <Button onClick={onClose}>{t("close")}</Button>
        </Box>
      }
    >
      {error ? <ErrorAlert error={error} onRetry={() => void refetch()} /> : data === undefined ? <Loading /> : data ? <CopyBlock text={indented(data)} name={t("changeContent")} /> : t("noContent")}
    </Modal>
  );
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** The merges of a profile, each of which can be undone. */
export function MergesPart({ domain, id, mayUndo }: Place & { mayUndo: boolean }) {
  const t = useText(catalogue);
  const { dateTime } = useFormat();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const list = useLineage(domain, id);
  const [undoing, setUndoing] = useState<Merge>();
  const columns = useMemo<Column<Merge>[]>(
    () => [
      { id: "time", header: t("time"), value: (m) => m.MergedAt, cell: (m) => <Time at={m.MergedAt} />, rowHeader: true },
      { id: "by", header: t("by"), value: (m) => whoIs(m.MergedBy) ?? t("bySystem") },
      { id: "profiles", header: t("profiles"), value: (m) => m.MergedProfileIds.length + 1 },
      { id: "taken", header: t("taken"), value: (m) => m.Fields.map((f) => f.Field).join(", ") },
      { id: "state", header: t("status"), value: (m) => t(m.State), cell: (m) => <StatusIndicator type={m.State === "STANDING" ? "success" : "stopped"}>{t(m.State)}</StatusIndicator> },
      {
        id: "undo",
        header: t("undo"),
        cell: (m) =>
          m.State === "STANDING" && mayUndo ? (
            <Button variant="inline-link" ariaLabel={t("undoOf", { time: dateTime(m.MergedAt) })} onClick={() => setUndoing(m)}>
              {t("undo")}
            </Button>
          ) : (
            t("nothing")
          ),
      },
    ],
    [t, mayUndo, dateTime],
  );
  return (
    <>
      <ResourceTable id="agent.merges" level="h2" title={t("merges")} columns={columns} list={list} keyOf={(m) => m.MergeId} nameOf={(m) => m.MergeId} empty={{ title: t("noMerges") }} wrap />
      {undoing && (
        <ConfirmModal
          title={t("undoTitle")}
          action={t("undo")}
          onConfirm={async () => {
            const out = await kindred().call("UnmergeProfiles", { DomainName: domain, MergeId: undoing.MergeId });
            await profilesChanged(queries, domain, id, out.MainProfileId, ...out.RestoredProfileIds);
            notify({ type: "success", text: t("undone") });
          }}
          onClose={() => setUndoing(undefined)}
        >
          {t("undoText")}
        </ConfirmModal>
      )}
    </>
  );
}
