import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { kindred } from "../../api/kindred";
import type { DeadLetter } from "../../api/kindred.types";
import { useFrame } from "../../app/frame";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { JsonEditor } from "../../components/JsonEditor";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { PreviewResult } from "../../components/preview/PreviewResult";
import { Time } from "../../components/Time";
import { Unsaved, afterSaving } from "../../components/Unsaved";
import { useText } from "../../i18n/text";
import { lettersChanged, useDeadLetter } from "../../resources/deadletters";
import { CauseText } from "./CauseText";
import { causeOf } from "./causes";
import { DiscardModal } from "./DiscardModal";
import catalogue from "./messages";
import { domainPath, lettersPath, mappingPath } from "./paths";
import { type Verdict, pretty, toSend, verdict } from "./record";

/** One letter: its record, what is wrong with it, and the means to repair it and send it again. */
export default function LetterPage() {
  const t = useText(catalogue);
  const { domainName = "", letterId = "" } = useParams();
  const { data: letter, error, isFetching, refetch } = useDeadLetter(domainName, letterId);
  return (
    <Page
      title={letter ? t("letterTitle", { type: letter.ObjectTypeName }) : t("letter")}
      subject={domainName}
      crumbs={[
        { text: domainName, href: domainPath(domainName) },
        { text: t("title"), href: lettersPath(domainName) },
      ]}
    >
      {letter ? (
        <Letter key={letter.Id} domain={domainName} letter={letter} onLookAgain={() => void refetch()} />
      ) : error ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : letter === undefined ? (
        <Loading />
      ) : (
        <Alert
          type="info"
          header={t("gone")}
          action={
            <SpaceBetween direction="horizontal" size="xs">
              <Button loading={isFetching} onClick={() => void refetch()}>
                {t("lookAgain")}
              </Button>
              <AppButton href={lettersPath(domainName)}>{t("allErrors")}</AppButton>
            </SpaceBetween>
          }
        >
          {t("goneText")}
        </Alert>
      )}
    </Page>
  );
}

function Letter({ domain, letter, onLookAgain }: { domain: string; letter: DeadLetter; onLookAgain: () => void }) {
  const t = useText(catalogue);
  const { Message, ObjectTypeName, SentAt, ReceiveCount, Id, State } = letter;
  return (
    <SpaceBetween size="l">
      {State === "WAITING" && (
        <Alert type="info" action={<Button onClick={onLookAgain}>{t("lookAgain")}</Button>}>
          {t("waitingText")}
        </Alert>
      )}
      <Container
        header={
          <Header variant="h2" actions={<AppButton href={lettersPath(domain, { objectType: ObjectTypeName, message: Message })}>{t("lettersOf")}</AppButton>}>
            {t("what")}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <KeyValuePairs
            columns={3}
            items={[
              { label: t("cause"), value: t(`cause_${causeOf(Message)}`) },
              { label: t("objectType"), value: <AppLink href={mappingPath(domain, ObjectTypeName)}>{ObjectTypeName}</AppLink> },
              { label: t("sent"), value: <Time at={SentAt} /> },
              { label: t("state"), value: t(State) },
              { label: t("received"), value: t("times", { count: ReceiveCount }) },
              { label: t("id"), value: <CopyText text={Id} name={t("id")} /> },
            ]}
          />
          <div>
            <Box variant="awsui-key-label">{t("error")}</Box>
            <span style={{ overflowWrap: "anywhere" }}>{Message}</span>
          </div>
          <CauseText message={Message} domain={domain} objectType={ObjectTypeName} />
        </SpaceBetween>
      </Container>
      <RecordPart domain={domain} letter={letter} />
    </SpaceBetween>
  );
}

function RecordPart({ domain, letter }: { domain: string; letter: DeadLetter }) {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [text, setText] = useState(() => pretty(letter.Body));
  const [discarding, setDiscarding] = useState(false);
  const object = toSend(text, letter.Body);
  const edited = object !== undefined;
  const waits = letter.State === "WAITING";
  const leave = (): void => void navigate(lettersPath(domain), { state: afterSaving });

  const preview = useMutation({
    mutationFn: () => kindred().call("PreviewProfileObject", { DomainName: domain, ObjectTypeName: letter.ObjectTypeName, Object: object ?? letter.Body }),
  });
  const send = useMutation({
    mutationFn: async (): Promise<Verdict> => {
      const out = await kindred().call("RedriveDeadLetters", { DomainName: domain, Ids: [letter.Id], ObjectTypeName: letter.ObjectTypeName, ...(object !== undefined && { Object: object }) });
      return verdict(out, letter, object !== undefined);
    },
    onSuccess: async ({ state, note }) => {
      if (state !== "ingested") return;
      await lettersChanged(queries);
      notify({ type: "success", text: [t("ingested"), note].filter(Boolean).join(" ") });
      leave();
    },
  });
  const change = (value: string): void => {
    setText(value);
    preview.reset();
    send.reset();
  };

  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header
            variant="h2"
            description={t("recordText")}
            info={edited && <Badge color="blue">{t("edited")}</Badge>}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={waits} onClick={() => setDiscarding(true)}>
                  {t("discard")}
                </Button>
                <Button disabled={!edited} onClick={() => change(pretty(letter.Body))}>
                  {t("reset")}
                </Button>
              </SpaceBetween>
            }
          >
            {t("record")}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <JsonEditor label={t("record")} stretch value={text} onChange={change} />
          <SpaceBetween direction="horizontal" size="xs">
            <Button loading={preview.isPending} onClick={() => preview.mutate()}>
              {t("preview")}
            </Button>
            <Button variant="primary" loading={send.isPending} disabled={waits || send.data?.state === "replaced"} onClick={() => send.mutate()}>
              {t(edited ? "sendEdited" : "sendAgain")}
            </Button>
          </SpaceBetween>
          {send.error && <ErrorAlert error={send.error} />}
          {send.data && send.data.state !== "ingested" && <Refused verdict={send.data} domain={domain} letter={letter} edited={edited} />}
        </SpaceBetween>
      </Container>
      {preview.error && <ErrorAlert error={preview.error} />}
      {preview.data && <PreviewResult domain={domain} preview={preview.data} />}
      {discarding && <DiscardModal domain={domain} ids={[letter.Id]} onClose={() => setDiscarding(false)} onDone={leave} />}
      <Unsaved when={edited} />
    </SpaceBetween>
  );
}

/** What came of sending a letter again when its record was not ingested. */
function Refused({ verdict, domain, letter, edited }: { verdict: Verdict; domain: string; letter: DeadLetter; edited: boolean }) {
  const t = useText(catalogue);
  const { state, message = "", note } = verdict;
  if (state === "held") {
    return (
      <Alert type="warning" header={t("held")}>
        {note ?? t("heldText")}
      </Alert>
    );
  }
  return (
    <Alert
      type="error"
      header={t("stillFails")}
      action={state === "replaced" && <AppButton href={lettersPath(domain, { objectType: letter.ObjectTypeName, message })}>{t("lettersOf")}</AppButton>}
    >
      <SpaceBetween size="xs">
        <span style={{ overflowWrap: "anywhere" }}>{message}</span>
        <span>{t(`repair_${causeOf(message)}`)}</span>
        {note && <span>{note}</span>}
        {state === "replaced" ? <span>{t("staysNew")}</span> : edited && <span>{t("staysEdited")}</span>}
      </SpaceBetween>
    </Alert>
  );
}
