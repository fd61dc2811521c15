import Button from "@cloudscape-design/components/button";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { DeadLetter, DeadLetterTally } from "../../api/kindred.types";
import { AppLink } from "../../components/AppLink";
import type { Column } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import type { Text } from "../../i18n/text";
import { causeOf } from "./causes";
import type catalogue from "./messages";
import { letterPath, lettersPath } from "./paths";

type Texts = Text<typeof catalogue>;

/** Errors by object type, with how many letters have them. */
export function errorColumns(t: Texts, domain: string, onResend: (tally: DeadLetterTally) => void): Column<DeadLetterTally>[] {
  return [
    { id: "count", header: t("count"), value: (e) => e.Count, width: 120 },
    { id: "objectType", header: t("objectType"), value: (e) => e.ObjectTypeName, minWidth: 150 },
    { id: "cause", header: t("cause"), value: (e) => t(`cause_${causeOf(e.Message)}`), minWidth: 190 },
    {
      id: "error",
      header: t("error"),
      value: (e) => e.Message,
      cell: (e) => <AppLink href={lettersPath(domain, { objectType: e.ObjectTypeName, message: e.Message })}>{e.Message}</AppLink>,
      rowHeader: true,
      minWidth: 260,
    },
    {
      id: "actions",
      header: t("actions"),
      cell: (e) => (
        <Button variant="inline-link" ariaLabel={t("resendOf", { type: e.ObjectTypeName, error: e.Message })} onClick={() => onResend(e)}>
          {t("resend")}
        </Button>
      ),
      minWidth: 130,
    },
  ];
}

const recordShown = 200; // characters

/** Letters; of one error and object type, these need not be told of each. */
export function letterColumns(t: Texts, domain: string, one: boolean): Column<DeadLetter>[] {
  return [
    {
      id: "sent",
      header: t("sent"),
      value: (l) => l.SentAt,
      cell: (l) => (
        <AppLink href={letterPath(domain, l.Id)}>
          <Time at={l.SentAt} />
        </AppLink>
      ),
      rowHeader: true,
      minWidth: 200,
    },
    { id: "objectType", header: t("objectType"), value: (l) => l.ObjectTypeName, optional: one, minWidth: 150 },
    { id: "cause", header: t("cause"), value: (l) => t(`cause_${causeOf(l.Message)}`), optional: one, minWidth: 190 },
    { id: "error", header: t("error"), value: (l) => l.Message, optional: one, minWidth: 260 },
    { id: "record", header: t("record"), value: (l) => l.Body.slice(0, recordShown), cell: (l) => <span style={{ overflowWrap: "anywhere" }}>{l.Body.slice(0, recordShown)}</span>, optional: !one, minWidth: 260 },
    {
      id: "state",
      header: t("state"),
      value: (l) => t(l.State),
      cell: (l) => <StatusIndicator type={l.State === "QUEUED" ? "stopped" : "in-progress"}>{t(l.State)}</StatusIndicator>,
      optional: true,
      minWidth: 160,
    },
    { id: "received", header: t("received"), value: (l) => l.ReceiveCount, cell: (l) => t("times", { count: l.ReceiveCount }), optional: true, minWidth: 120 },
    { id: "id", header: t("id"), value: (l) => l.Id, optional: true, minWidth: 320 },
  ];
}
