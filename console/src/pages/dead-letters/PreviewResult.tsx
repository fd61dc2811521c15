import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import type { PreviewKey, PreviewProfileObjectResponse, Profile } from "../../api/kindred.types";
import { type Text, useText } from "../../i18n/text";
import { causeOf } from "./causes";
import catalogue from "./messages";

type Texts = Text<typeof catalogue>;

/** What would become of a record: the outcome, what its keys find, and what of the profile changes. */
export function PreviewResult({ preview }: { preview: PreviewProfileObjectResponse }) {
  const t = useText(catalogue);
  const { Outcome, Error: problem, Keys, Fields, Changes } = preview;
  const fails = Outcome === "WOULD_FAIL";
  const troubled = Fields.filter((f) => f.Problem);
  return (
    <SpaceBetween size="m">
      <div>
        <Box variant="h3">{t("previewTitle")}</Box>
        <StatusIndicator type={fails ? "error" : Outcome === "WOULD_CHANGE_NOTHING" ? "info" : "success"}>{outcome(t, preview)}</StatusIndicator>
        {problem && (
          <Box padding={{ top: "xs" }}>
            <span style={{ overflowWrap: "anywhere" }}>{problem.Message}</span>
            <div>{t(`repair_${causeOf(problem.Message)}`)}</div>
          </Box>
        )}
      </div>
      <Table
        variant="embedded"
        wrapLines
        header={<Box variant="h4">{t("keys")}</Box>}
        ariaLabels={{ tableLabel: t("keys") }}
        items={Keys}
        empty={t("noKeys")}
        columnDefinitions={[
          { id: "key", header: t("key"), cell: (k) => k.Name, isRowHeader: true, minWidth: 120 },
          { id: "value", header: t("value"), cell: (k) => <Value text={k.NormalizedValue ?? k.Value} />, minWidth: 140 },
          { id: "finding", header: t("finding"), cell: (k) => finding(t, k), minWidth: 160 },
        ]}
      />
      {troubled.length > 0 && (
        <Table
          variant="embedded"
          wrapLines
          header={<Box variant="h4">{t("problems")}</Box>}
          ariaLabels={{ tableLabel: t("problems") }}
          items={troubled}
          trackBy="Name"
          columnDefinitions={[
            { id: "field", header: t("field"), cell: (f) => f.Name, isRowHeader: true, minWidth: 120 },
            { id: "problem", header: t("problem"), cell: (f) => <Value text={f.Problem} /> },
          ]}
        />
      )}
      {!fails && (
        <Table
          variant="embedded"
          wrapLines
          header={<Box variant="h4">{t("changes")}</Box>}
          ariaLabels={{ tableLabel: t("changes") }}
          items={Changes.filter((c) => c.Reason !== "SAME")}
          trackBy="Field"
          empty={t("noChanges")}
          columnDefinitions={[
            { id: "field", header: t("field"), cell: (c) => <Value text={c.Field} />, isRowHeader: true, minWidth: 120 },
            { id: "before", header: t("before"), cell: (c) => <Value text={c.Before} /> },
            { id: "after", header: t("after"), cell: (c) => <Value text={c.After} /> },
            { id: "reason", header: t("reason"), cell: (c) => t(c.Reason) },
          ]}
        />
      )}
    </SpaceBetween>
  );
}

function Value({ text }: { text: string | undefined }) {
  return <span style={{ overflowWrap: "anywhere" }}>{text ?? "–"}</span>;
}

function outcome(t: Texts, { Outcome, Before, After }: PreviewProfileObjectResponse): string {
  return t(Outcome, { name: nameOf(Before) ?? nameOf(After) ?? t("noName") });
}

/** How a person calls a profile. */
function nameOf(p: Profile | undefined): string | undefined {
  if (!p) return undefined;
  return [p.FirstName, p.MiddleName, p.LastName].filter(Boolean).join(" ") || p.BusinessName || p.EmailAddress || p.PhoneNumber;
}

function finding(t: Texts, key: PreviewKey): string {
  if (key.Finding === "AMBIGUOUS") return t("AMBIGUOUS", { count: key.ProfileIds?.length ?? 0 }) + (key.More ? " (+)" : "");
  if (key.Finding === "EMPTY" && key.Problem) return key.Problem;
  return t(key.Finding);
}
