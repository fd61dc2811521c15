import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { useParams, useSearchParams } from "react-router";
import type { DeadLetter, DeadLetterTally } from "../../api/kindred.types";
import { wholeList } from "../../api/pages";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { Page } from "../../components/Page";
import { ResourceTable } from "../../components/ResourceTable";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { type Finding, type LetterFilter, useDeadLetters } from "../../resources/deadletters";
import { queueName } from "../../resources/queues";
import { causeOf } from "./causes";
import { CauseText } from "./CauseText";
import { ChooseQueueModal } from "./ChooseQueueModal";
import { errorColumns, letterColumns } from "./columns";
import { DiscardModal } from "./DiscardModal";
import catalogue from "./messages";
import { domainPath, lettersPath } from "./paths";
import type { Scope } from "./redrive";
import { RedriveModal } from "./RedriveModal";

/** What is open over the page. */
type Open = { what: "resend"; scope: Scope; count: number } | { what: "discard"; ids: readonly string[] } | { what: "queue" };

/** What could not be ingested into a domain: all of it by error, or the letters of one error. */
export default function DeadLettersPage() {
  const t = useText(catalogue);
  const { domainName = "" } = useParams();
  const [search] = useSearchParams();
  const filter: LetterFilter = { objectType: search.get("type") ?? undefined, message: search.get("error") ?? undefined };
  const list = useDeadLetters(domainName, filter);
  const { finding } = list;
  const [open, setOpen] = useState<Open>();
  const one = filter.objectType !== undefined && filter.message !== undefined ? { objectType: filter.objectType, message: filter.message } : undefined;
  const queue = finding?.QueueUrl;

  return (
    <Page
      title={one ? t(`cause_${causeOf(one.message)}`) : t("title")}
      subject={domainName}
      crumbs={[{ text: domainName, href: domainPath(domainName) }, ...(one ? [{ text: t("title"), href: lettersPath(domainName) }] : [])]}
      description={
        <>
          {t("description")}{" "}
          {queue && (
            <>
              {t("inQueue")} <AppLink href={`/console/queues/${queueName(queue)}`}>{queueName(queue)}</AppLink>.
            </>
          )}
        </>
      }
    >
      {finding && <Remarks finding={finding} onChoose={() => setOpen({ what: "queue" })} />}
      {one ? (
        <Container header={<Header variant="h2" actions={<AppButton href={lettersPath(domainName)}>{t("allErrors")}</AppButton>}>{t("what")}</Header>}>
          <SpaceBetween size="m">
            <div>
              <Box variant="awsui-key-label">{t("error")}</Box>
              <span style={{ overflowWrap: "anywhere" }}>{one.message}</span>
            </div>
            <CauseText message={one.message} domain={domainName} objectType={one.objectType} />
          </SpaceBetween>
        </Container>
      ) : (
        finding && finding.Counts.length > 0 && (
          <Errors domain={domainName} tallies={finding.Counts} list={list} onResend={({ ObjectTypeName, Message, Count }) => setOpen({ what: "resend", scope: { kind: "error", objectType: ObjectTypeName, message: Message }, count: Count })} />
        )
      )}
      <Letters
        domain={domainName}
        list={list}
        finding={finding}
        one={one !== undefined}
        onChoose={() => setOpen({ what: "queue" })}
        onResend={(ids) =>
          setOpen({
            what: "resend",
            scope: ids ? { kind: "letters", ids } : one ? { kind: "error", ...one } : { kind: "all" },
            count: ids?.length ?? finding?.Matched ?? 0,
          })
        }
        onDiscard={(ids) => setOpen({ what: "discard", ids })}
      />
      {open?.what === "resend" && <RedriveModal domain={domainName} scope={open.scope} count={open.count} onClose={() => setOpen(undefined)} />}
      {open?.what === "discard" && <DiscardModal domain={domainName} ids={open.ids} onClose={() => setOpen(undefined)} />}
      {open?.what === "queue" && <ChooseQueueModal domain={domainName} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

/** What a look into the queue met beside letters. */
function Remarks({ finding, onChoose }: { finding: Finding; onChoose: () => void }) {
  const t = useText(catalogue);
  const { QueueProblem, QueueUrl, InFlight, Complete, Examined, Foreign, MaxReceiveCount } = finding;
  return (
    <>
      {QueueProblem && (
        <Alert type="error" header={t("queueProblem")} action={<Button onClick={onChoose}>{t("chooseQueue")}</Button>}>
          {QueueProblem}. {t("queueProblemText")}
        </Alert>
      )}
      {InFlight > 0 && <Alert type="info">{t("inFlight", { count: InFlight })}</Alert>}
      {!QueueProblem && !Complete && <Alert type="warning">{t("incomplete", { count: Examined })}</Alert>}
      {Foreign > 0 && QueueUrl && (
        <Alert type="info" action={<AppButton href={`/console/queues/${queueName(QueueUrl)}`}>{t("openQueue")}</AppButton>}>
          {t("foreign", { count: Foreign })}
        </Alert>
      )}
      {MaxReceiveCount !== undefined && <Alert type="warning">{t("movesAway", { count: MaxReceiveCount })}</Alert>}
    </>
  );
}

function Errors(props: { domain: string; tallies: readonly DeadLetterTally[]; list: ReturnType<typeof useDeadLetters>; onResend: (tally: DeadLetterTally) => void }) {
  const { domain, tallies, list, onResend } = props;
  const t = useText(catalogue);
  const columns = errorColumns(t, domain, onResend);
  return (
    <ResourceTable<DeadLetterTally>
      id="dead-letter-errors"
      level="h2"
      title={t("errors")}
      description={t("errorsText")}
      columns={columns}
      list={wholeList(tallies, list)}
      keyOf={(e) => `${e.ObjectTypeName} ${e.Message}`}
      nameOf={(e) => `${e.ObjectTypeName}: ${e.Message}`}
      empty={{ title: t("empty") }}
      wrap
    />
  );
}

function Letters(props: {
  domain: string;
  list: ReturnType<typeof useDeadLetters>;
  finding: Finding | undefined;
  /** The letters are of one object type and error. */
  one: boolean;
  onChoose: () => void;
  onResend: (ids?: readonly string[]) => void;
  onDiscard: (ids: readonly string[]) => void;
}) {
  const { domain, list, finding, one, onChoose, onResend, onDiscard } = props;
  const t = useText(catalogue);
  const { exact } = useFormat();
  const columns = useMemo(() => letterColumns(t, domain, one), [t, domain, one]);
  const without = finding !== undefined && finding.QueueUrl === undefined;
  const ids = (letters: readonly DeadLetter[]): string[] => letters.filter((l) => l.State === "QUEUED").map((l) => l.Id);
  return (
    <ResourceTable<DeadLetter>
      key={one ? "one" : "all"} // what is remembered of them differs
      id={one ? "dead-letters-of-error" : "dead-letters"}
      level="h2"
      title={t(one ? "lettersOf" : "letters")}
      columns={columns}
      list={list}
      keyOf={(l) => l.Id}
      nameOf={(l) => t("letterOf", { type: l.ObjectTypeName, time: exact(l.SentAt) })}
      selection="multi"
      empty={
        without
          ? { title: t("noQueue"), text: t("noQueueText"), action: <Button onClick={onChoose}>{t("chooseQueue")}</Button> }
          : one
            ? { title: t("emptyOf"), action: <AppButton href={lettersPath(domain)}>{t("allErrors")}</AppButton> }
            : { title: t("empty"), text: t("emptyText") }
      }
      wrap
      actions={(selected) => (
        <SpaceBetween direction="horizontal" size="xs">
          <Button disabled={ids(selected).length === 0} onClick={() => onDiscard(ids(selected))}>
            {t("discard")}
          </Button>
          <Button disabled={ids(selected).length === 0} onClick={() => onResend(ids(selected))}>
            {t("resendSelected")}
          </Button>
          <Button variant="primary" disabled={list.items.length === 0 || without} onClick={() => onResend()}>
            {t("resendAll")}
          </Button>
        </SpaceBetween>
      )}
    />
  );
}
