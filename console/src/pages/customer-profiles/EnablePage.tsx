import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Steps from "@cloudscape-design/components/steps";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useFrame } from "../../app/frame";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useHandover } from "../../components/handover";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Repair } from "../../components/Repair";
import { useText } from "../../i18n/text";
import { domainsKey, useConnection, useDomain } from "../../resources/domains";
import { useInstance } from "../../resources/instances";
import { keysKey } from "../../resources/keys";
import { queuesKey } from "../../resources/queues";
import { type Choice, type Step, api, enable } from "./enable";
import { type EnableForm, choiceOf, defaultDays, suggestedName, withDomain } from "./form";
import catalogue from "./messages";
import { DomainPart, KeyPart, QueuePart } from "./parts";

/** Enables customer profiles for an instance, or gives it another domain. */
export default function EnablePage() {
  const t = useText(catalogue);
  const { instanceId = "" } = useParams();
  const instance = useInstance(instanceId);
  const connection = useConnection(instance.data?.Arn);
  const name = instance.data?.InstanceAlias ?? t("instance");
  const back = `/console/instances/${instanceId}/customer-profiles`;
  const current = connection.data?.DomainName;
  const error = instance.error ?? connection.error;
  return (
    <Page
      title={t(current ? "changeTitle" : "enableTitle")}
      description={current ? t("changeText", { domain: current }) : t("enableText")}
      subject={name}
      crumbs={[
        { text: t("instances"), href: "/console/instances" },
        { text: name, href: `/console/instances/${instanceId}` },
        { text: t("title"), href: back },
      ]}
    >
      {error ? (
        <ErrorAlert error={error} onRetry={() => void (instance.error ? instance.refetch() : connection.refetch())} />
      ) : !instance.data || connection.data === undefined ? (
        <Loading />
      ) : (
        <Enable instance={{ arn: instance.data.Arn ?? "", alias: instance.data.InstanceAlias }} name={name} current={current} back={back} />
      )}
    </Page>
  );
}

function Enable({ instance, name, current, back }: { instance: { arn: string; alias: string | undefined }; name: string; current: string | undefined; back: string }) {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [form, setForm] = useState<EnableForm>(() => ({
    domain: { kind: current ? "existing" : "new", name: current ? "" : suggestedName(instance.alias), days: String(defaultDays), existing: undefined },
    queue: { kind: current ? "keep" : "existing", url: undefined },
    key: { kind: current ? "keep" : "existing", key: undefined, arn: "" },
  }));
  const [tried, setTried] = useState(false);
  const [steps, setSteps] = useState<readonly Step[]>([]);
  const { domain, queue, key } = form;
  const existing = useDomain(domain.kind === "existing" ? domain.existing : undefined);
  const domainName = domain.kind === "new" ? domain.name : (domain.existing ?? "");

  const run = useMutation({
    mutationFn: ({ choice, before }: { choice: Choice; before?: readonly Step[] }) => enable(choice, instance.arn, api, setSteps, before),
    onSuccess: async (_, { choice }) => {
      await queries.invalidateQueries({ queryKey: domainsKey });
      notify({ type: "success", text: t("enabledNotice", { instance: name, domain: choice.domain.name }) });
      void navigate(back);
    },
  });
  const change = (next: EnableForm): void => {
    // Steps belong to the choice that they were made for.
    if (!run.isPending) {
      run.reset();
      setSteps([]);
    }
    setForm(next);
  };
  const queueTab = useHandover((url) => {
    void queries.invalidateQueries({ queryKey: queuesKey });
    change({ ...form, queue: { kind: "existing", url } });
  });
  const keyTab = useHandover((arn) => {
    void queries.invalidateQueries({ queryKey: keysKey });
    change({ ...form, key: { ...key, kind: "existing", key: arn } });
  });
  const submit = (before?: readonly Step[]): void => {
    setTried(true);
    const choice = choiceOf(form);
    if (choice) run.mutate({ choice, ...(before && { before }) });
  };
  const has = existing.data && { queue: existing.data.DeadLetterQueueUrl ?? null, key: existing.data.DefaultEncryptionKey ?? null };
  const again = (): void => submit(steps);

  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        submit(steps);
      }}
    >
      <Form
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" formAction="none" disabled={run.isPending} onClick={() => void navigate(back)}>
              {t("cancel")}
            </Button>
            <Button variant="primary" loading={run.isPending}>
              {t("submit")}
            </Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {current && (
            <Alert type="warning" header={t("changeWarning")}>
              {t("changeWarningText", { domain: current })}
            </Alert>
          )}
          <DomainPart form={domain} onChange={(d) => change(withDomain(form, d))} tried={tried} except={current} />
          {existing.error && <ErrorAlert error={existing.error} onRetry={() => void existing.refetch()} />}
          <QueuePart
            form={queue}
            onChange={(q) => change({ ...form, queue: q })}
            tried={tried}
            existing={domain.kind === "existing" ? { has: has?.queue } : undefined}
            createHref={queueTab("/console/queues/create", { domain: domainName })}
          />
          <KeyPart
            form={key}
            onChange={(k) => change({ ...form, key: k })}
            tried={tried}
            existing={domain.kind === "existing" ? { has: has?.key } : undefined}
            createHref={keyTab("/console/keys/create", { domain: domainName })}
          />
          {steps.length > 0 && (
            <Container header={<Header variant="h2">{t("progress")}</Header>}>
              <SpaceBetween size="l">
                <Progress steps={steps} />
                {run.error && <Repair error={run.error} onRepaired={again} onRetry={again} />}
              </SpaceBetween>
            </Container>
          )}
        </SpaceBetween>
      </Form>
    </form>
  );
}

const statuses = { pending: "pending", running: "loading", done: "success", failed: "error" } as const;
const stepTexts = { queue: "stepQueue", key: "stepKey", create: "stepCreate", update: "stepUpdate", connect: "stepConnect" } as const;

function Progress({ steps }: { steps: readonly Step[] }) {
  const t = useText(catalogue);
  return <Steps ariaLabel={t("progress")} steps={steps.map(({ id, state }) => ({ status: statuses[state], statusIconAriaLabel: t(state), header: t(stepTexts[id]) }))} />;
}
