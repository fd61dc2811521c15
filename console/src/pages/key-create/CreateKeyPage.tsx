import { CreateAliasCommand, CreateKeyCommand, type KeyMetadata } from "@aws-sdk/client-kms";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Wizard from "@cloudscape-design/components/wizard";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { kms } from "../../api/kms";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useHandback } from "../../components/handover";
import { MadePanel } from "../../components/MadePanel";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { domainNamePattern } from "../../resources/domains";
import { keysKey } from "../../resources/keys";
import { useSession } from "../../session/useSession";
import { type KeyForm, faults, keyPolicy } from "./form";
import catalogue from "./messages";
import { PrincipalsField } from "./PrincipalsField";
import { ConfigureStep, LabelsStep, ReviewStep } from "./steps";

/** The step of the wizard that a fault is on. */
const stepOf = { alias: 1, tags: 1, policy: 4 } as const;

/** Creates a KMS key in AWS's steps: for a page in another tab that waits for it, or by itself. */
export default function CreateKeyPage() {
  const t = useText(catalogue);
  const place = useSession();
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const handBack = useHandback();
  const domain = search.get("domain") ?? "";
  const [form, setForm] = useState<KeyForm>({ alias: "", description: "", tags: [], administrators: [], deletion: true, users: [], domain: "", policy: undefined });
  const [step, setStep] = useState(0);
  const [tried, setTried] = useState(false);
  const wrong = faults(form);
  const policy = form.policy ?? keyPolicy(form, place);

  const create = useMutation({ mutationFn: () => createKey(form, policy), onSettled: () => queries.invalidateQueries({ queryKey: keysKey }), onSuccess: ({ key }) => handBack?.(key.Arn ?? "") });
  const go = (to: number): void => {
    // Forward only past steps that are right; back always.
    const stop = to > step ? [...wrong].map((w) => stepOf[w]).filter((s) => s < to).sort((a, b) => a - b)[0] : undefined;
    setTried(stop !== undefined);
    setStep(stop ?? to);
  };

  if (create.data) {
    const { key, aliasError } = create.data;
    return (
      <Page title={t("title")}>
        {aliasError !== undefined && <ErrorAlert error={aliasError} header={t("aliasFailed")} />}
        <MadePanel
          title={t("made", { alias: form.alias })}
          {...(handBack && { handedBack: t("madeText") })}
          items={[
            { label: t("id"), value: <CopyText text={key.KeyId ?? ""} name={t("id")} /> },
            { label: t("arn"), value: <CopyText text={key.Arn ?? ""} name={t("arn")} /> },
          ]}
          closeText={t("closeTab")}
          anotherText={t("another")}
          onAnother={() => {
            create.reset();
            setForm({ ...form, alias: "", policy: undefined });
            setStep(0);
          }}
        />
      </Page>
    );
  }
  return (
    <Page title={t("title")} headless>
      <Wizard
        activeStepIndex={step}
        onNavigate={({ detail }) => go(detail.requestedStepIndex)}
        onCancel={() => (handBack ? window.close() : void navigate(-1))}
        onSubmit={() => {
          setTried(true);
          if (wrong.size === 0) create.mutate();
        }}
        isLoadingNextStep={create.isPending}
        submitButtonText={t("finish")}
        i18nStrings={{
          stepNumberLabel: (n) => t("step", { n }),
          collapsedStepsLabel: (n, count) => t("stepOf", { n, count }),
          skipToButtonLabel: (s) => t("skipTo", { step: s.title }),
          navigationAriaLabel: t("steps"),
          cancelButton: t("cancel"),
          previousButton: t("previous"),
          nextButton: t("next"),
          optional: t("optional"),
        }}
        steps={[
          { title: t("configure"), content: <ConfigureStep /> },
          { title: t("labels"), content: <LabelsStep form={form} onChange={setForm} tried={tried} /> },
          {
            title: t("administrators"),
            description: t("administratorsText"),
            isOptional: true,
            content: (
              <Container>
                <SpaceBetween size="l">
                  <PrincipalsField value={form.administrators} onChange={(administrators) => setForm({ ...form, administrators })} />
                  <Checkbox checked={form.deletion} onChange={({ detail }) => setForm({ ...form, deletion: detail.checked })}>
                    {t("deletion")}
                  </Checkbox>
                </SpaceBetween>
              </Container>
            ),
          },
          {
            title: t("users"),
            description: t("usersText"),
            isOptional: true,
            content: (
              <Container>
                <SpaceBetween size="l">
                  <PrincipalsField value={form.users} onChange={(users) => setForm({ ...form, users })} />
                  {domainNamePattern.test(domain) && (
                    <Checkbox checked={form.domain !== ""} description={t("forProfilesText")} onChange={({ detail }) => setForm({ ...form, domain: detail.checked ? domain : "" })}>
                      {t("forProfiles", { domain })}
                    </Checkbox>
                  )}
                </SpaceBetween>
              </Container>
            ),
          },
          {
            title: t("review"),
            description: t("reviewText"),
            content: <ReviewStep form={form} policy={policy} onChange={setForm} error={create.error} />,
          },
        ]}
      />
    </Page>
  );
}

/** Creates the key, then its alias. A key without its alias is a key all the same. */
async function createKey(form: KeyForm, policy: string): Promise<{ key: KeyMetadata; aliasError?: unknown }> {
  const { KeyMetadata: key } = await kms().send(
    new CreateKeyCommand({
      KeySpec: "SYMMETRIC_DEFAULT",
      KeyUsage: "ENCRYPT_DECRYPT",
      Description: form.description,
      Policy: policy,
      Tags: form.tags.map(({ key, value }) => ({ TagKey: key, TagValue: value })),
    }),
  );
  if (!key) throw new Error("CreateKey answered without a key");
  try {
    await kms().send(new CreateAliasCommand({ AliasName: `alias/${form.alias}`, TargetKeyId: key.KeyId }));
    return { key };
  } catch (aliasError) {
    return { key, aliasError };
  }
}
