import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import Toggle from "@cloudscape-design/components/toggle";
import { type ReactNode, useMemo, useState } from "react";
import type { PreviewField, PreviewKey, PreviewProfileObjectResponse, PreviewStandardObject } from "../../api/kindred.types";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { profileName, useProfileNames } from "../../resources/profiles";
import { fieldChanges } from "./changes";
import catalogue from "./messages";
import { inWords } from "./words";

/** Names a profile by its id. */
type NameOf = (id: string) => string;

/** What would become of a record and why: the answer of PreviewProfileObject. */
export function PreviewResult({ domain, preview }: { domain: string; preview: PreviewProfileObjectResponse }) {
  const t = useText(catalogue);
  const ids = [...preview.Keys.flatMap((k) => k.ProfileIds ?? []), preview.ProfileId, preview.MovedFrom].filter((id) => id !== undefined);
  // Who may not read profiles sees the ends of their ids.
  const { data: names } = useProfileNames(domain, ids);
  const nameOf: NameOf = (id) => {
    const own = id === preview.ProfileId ? profileName(preview.Before ?? preview.After ?? {}) : undefined;
    return own ?? names?.get(id) ?? t("someProfile", { id: id.slice(-6) });
  };
  return (
    <SpaceBetween size="l">
      <Outcome preview={preview} nameOf={nameOf} />
      <Keys keys={preview.Keys} failed={preview.Outcome === "WOULD_FAIL"} nameOf={nameOf} />
      <Changes preview={preview} />
      <Fields fields={preview.Fields} />
      {preview.StandardObjects.length > 0 && <Objects objects={preview.StandardObjects} />}
    </SpaceBetween>
  );
}

const looks = {
  WOULD_CREATE: "success",
  WOULD_JOIN: "success",
  WOULD_REPLACE: "success",
  WOULD_MOVE: "info",
  WOULD_CHANGE_NOTHING: "info",
  WOULD_FAIL: "error",
} as const;

function Outcome({ preview, nameOf }: { preview: PreviewProfileObjectResponse; nameOf: NameOf }) {
  const t = useText(catalogue);
  const { exact } = useFormat();
  const { Outcome: outcome, Error: error, ProfileId, MovedFrom, SourceLastUpdatedTimestamp: time } = preview;
  const name = ProfileId ? nameOf(ProfileId) : "";
  const header =
    outcome === "WOULD_CREATE" || outcome === "WOULD_FAIL" ? t(outcome) : outcome === "WOULD_MOVE" ? t(outcome, { name, from: MovedFrom ? nameOf(MovedFrom) : "" }) : t(outcome, { name });
  return (
    <Alert type={looks[outcome]} header={header}>
      {error && (
        <div style={{ overflowWrap: "anywhere" }}>
          {inWords(error.Message, t)}
          {/[.!?]$/.test(error.Message) ? "" : "."} {t(error.Destination)}
        </div>
      )}
      <div>
        {time && t("recordTime", { time: exact(time) })} {t("nothingStored")}
      </div>
    </Alert>
  );
}

const findings: Readonly<Record<PreviewKey["Finding"], StatusIndicatorProps.Type>> = {
  FOUND: "success",
  NOT_FOUND: "stopped",
  AMBIGUOUS: "warning",
  NOT_TRIED: "pending",
  NOT_A_PROFILE_KEY: "info",
  EMPTY: "stopped",
};

function Keys({ keys, failed, nameOf }: { keys: readonly PreviewKey[]; failed: boolean; nameOf: NameOf }) {
  const t = useText(catalogue);
  // Those that are tried come first, in their order.
  const items = useMemo(() => keys.map((k, i) => ({ k, id: String(i) })).sort((a, b) => (a.k.Tried ?? Infinity) - (b.k.Tried ?? Infinity) || Number(a.id) - Number(b.id)), [keys]);
  const finding = (k: PreviewKey): string => {
    const ids = k.ProfileIds ?? [];
    const list = ids.map(nameOf).join(", ");
    const names = k.More ? t("andMore", { names: list }) : list;
    switch (k.Finding) {
      case "FOUND":
      case "AMBIGUOUS":
        return t(k.Finding, { names });
      case "NOT_TRIED":
        return failed ? t("NOT_TRIED_FAILED") : ids.length > 0 ? t("NOT_TRIED_WOULD", { names }) : t("NOT_TRIED");
      case "EMPTY":
        return k.Problem ? inWords(k.Problem, t) : t("EMPTY");
      default:
        return t(k.Finding);
    }
  };
  return (
    <Table
      variant="container"
      wrapLines
      header={
        <Header variant="h2" description={t("keysHint")}>
          {t("keys")}
        </Header>
      }
      ariaLabels={{ tableLabel: t("keys") }}
      items={items}
      trackBy="id"
      empty={t("noKeys")}
      columnDefinitions={[
        { id: "order", header: t("order"), cell: ({ k }) => k.Tried ?? "–", width: 70 },
        {
          id: "key",
          header: t("key"),
          isRowHeader: true,
          minWidth: 130,
          cell: ({ k }) => (
            <>
              <Any>{k.Name}</Any>
              <Small>{k.StandardIdentifiers.join(", ") || t("searchOnly")}</Small>
            </>
          ),
        },
        {
          id: "value",
          header: t("value"),
          minWidth: 130,
          cell: ({ k }) => (
            <>
              <Any>{k.Value ?? k.NormalizedValue ?? "–"}</Any>
              {k.Value !== undefined && k.NormalizedValue !== undefined && k.Value !== k.NormalizedValue && (
                <Small>{t("normalised", { value: k.NormalizedValue })}</Small>
              )}
            </>
          ),
        },
        { id: "finding", header: t("finding"), minWidth: 210, cell: ({ k }) => <Status type={findings[k.Finding]}>{finding(k)}</Status> },
        { id: "stored", header: t("stored"), minWidth: 120, cell: ({ k }) => (k.Stored ? t("yes") : k.NotStored ? t(`why${k.NotStored}`) : t("no")) },
      ]}
    />
  );
}

/** A value of a record, which may be a long one without blanks. */
function Any({ children }: { children: ReactNode }) {
  return <span style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>{children}</span>;
}

/** What is beside the point of a cell, below it. */
function Small({ children }: { children: ReactNode }) {
  return (
    <Box variant="small" display="block">
      <Any>{children}</Any>
    </Box>
  );
}

/** A state in words, which by itself would be broken anywhere. */
function Status({ type, children }: { type: StatusIndicatorProps.Type; children: ReactNode }) {
  return (
    <StatusIndicator type={type}>
      <span style={{ wordBreak: "normal", overflowWrap: "anywhere" }}>{children}</span>
    </StatusIndicator>
  );
}

function Changes({ preview }: { preview: PreviewProfileObjectResponse }) {
  const t = useText(catalogue);
  const [all, setAll] = useState(false);
  const items = useMemo(() => fieldChanges(preview.Before, preview.After, preview.Changes, all), [preview, all]);
  if (preview.Outcome === "WOULD_FAIL" && preview.Changes.length === 0) return null;
  return (
    <Table
      variant="container"
      wrapLines
      header={
        <Header
          variant="h2"
          description={t("profileHint")}
          actions={
            <Toggle checked={all} onChange={({ detail }) => setAll(detail.checked)}>
              {t("everything")}
            </Toggle>
          }
        >
          {t("profile")}
        </Header>
      }
      ariaLabels={{ tableLabel: t("profile") }}
      items={items}
      trackBy="field"
      empty={t("noChanges")}
      columnDefinitions={[
        { id: "field", header: t("field"), isRowHeader: true, minWidth: 150, cell: (c) => <Any>{c.field}</Any> },
        { id: "before", header: t("before"), minWidth: 130, cell: (c) => <Any>{c.before ?? "–"}</Any> },
        { id: "after", header: t("after"), minWidth: 130, cell: (c) => (c.before === c.after ? <Any>{c.after ?? "–"}</Any> : <Box variant="strong"><Any>{c.after ?? "–"}</Any></Box>) },
        { id: "why", header: t("why"), minWidth: 150, cell: (c) => (c.reason ? t(c.reason) : "–") },
      ]}
    />
  );
}

function Fields({ fields }: { fields: readonly PreviewField[] }) {
  const t = useText(catalogue);
  const value = (f: PreviewField): string => (f.Values ? f.Values.map((v) => v || "–").join(", ") : (f.Value ?? "–"));
  const goesTo = (f: PreviewField): ReactNode => {
    const written = (f.WritesTo ?? []).join(", ") || (f.Target ? "–" : t("keysOnly"));
    if (!f.Problem) return <Any>{written}</Any>;
    return (
      <Status type={f.Value === undefined && f.Values === undefined ? "stopped" : "warning"}>{inWords(f.Problem, t)}</Status>
    );
  };
  return (
    <Table
      variant="container"
      wrapLines
      header={<Header variant="h2">{t("fields")}</Header>}
      ariaLabels={{ tableLabel: t("fields") }}
      items={fields}
      trackBy="Name"
      empty={t("noFields")}
      columnDefinitions={[
        {
          id: "field",
          header: t("field"),
          isRowHeader: true,
          minWidth: 170,
          cell: (f) => (
            <>
              <Any>{f.Name}</Any>
              <Small>{f.Source}</Small>
            </>
          ),
        },
        {
          id: "value",
          header: t("value"),
          minWidth: 150,
          cell: (f) => (
            <Any>
              {value(f)} {f.Truncated && t("cut")}
            </Any>
          ),
        },
        { id: "goesTo", header: t("goesTo"), minWidth: 200, cell: goesTo },
      ]}
    />
  );
}

function Objects({ objects }: { objects: readonly PreviewStandardObject[] }) {
  const t = useText(catalogue);
  const outcome = (o: PreviewStandardObject): string => {
    if (o.Outcome === "WOULD_CREATE") return t("WOULD_CREATE_OBJECT");
    return o.Outcome === "AMBIGUOUS" ? t("AMBIGUOUS_OBJECT") : t(o.Outcome);
  };
  return (
    <Table
      variant="container"
      wrapLines
      header={<Header variant="h2">{t("objects")}</Header>}
      ariaLabels={{ tableLabel: t("objects") }}
      items={objects}
      trackBy="ObjectTypeName"
      columnDefinitions={[
        { id: "object", header: t("object"), isRowHeader: true, cell: (o) => o.ObjectTypeName },
        { id: "outcome", header: t("outcome"), cell: (o) => <Status type={o.Outcome === "AMBIGUOUS" ? "error" : "success"}>{outcome(o)}</Status> },
        { id: "foundBy", header: t("foundBy"), cell: (o) => <Any>{(o.FoundBy ?? []).map((k) => `${k.KeyName} = ${k.NormalizedValue}`).join(", ") || "–"}</Any> },
      ]}
    />
  );
}
