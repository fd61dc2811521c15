import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { AppButton } from "../../components/AppButton";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { recall, remember } from "../../preferences/storage";
import catalogue from "./messages";
import { useDomainChoices } from "./places";
import { type Pop, popOf } from "./pop";
import { Workspace } from "./Workspace";

const remembered = "kindred.agent.domain";

/** The agent's page: it finds the domain to work in, and opens the workspace there. */
export default function AgentPage() {
  const t = useText(catalogue);
  const [query] = useSearchParams();
  // What a softphone has asked for, once; from then on the address says what is open.
  const [pop] = useState<Pop>(() => popOf(query));
  const [chosen, setChosen] = useState<string | undefined>(() => {
    const last = recall(remembered);
    return pop.domain ?? (typeof last === "string" ? last : undefined);
  });
  const { choices, error, loading, refresh } = useDomainChoices();
  // One that was asked for by name need not wait for the list, nor be in it.
  const domain = chosen !== undefined && (pop.domain === chosen || loading || choices.some((c) => c.value === chosen)) ? chosen : choices[0]?.value;
  if (!domain) {
    return (
      <Page title={t("title")}>
        {error ? (
          <ErrorAlert error={error} onRetry={refresh} />
        ) : loading ? (
          <Loading />
        ) : (
          <Alert type="info" header={t("noDomain")} action={<AppButton href="/console/instances">{t("toInstances")}</AppButton>}>
            <Box variant="span" color="inherit">
              {t("noDomainText")}
            </Box>
          </Alert>
        )}
      </Page>
    );
  }
  return (
    <Workspace
      key={domain}
      domain={domain}
      pop={pop.domain === undefined || pop.domain === domain ? pop : { clues: [] }}
      chooseDomain={
        choices.length > 1 && (
          <SpaceBetween size="xxs">
            <FormField label={t("domain")}>
              <Select
                selectedOption={{ value: domain, label: domain }}
                options={[...choices]}
                filteringType="auto"
                onChange={({ detail }) => {
                  remember(remembered, detail.selectedOption.value);
                  setChosen(detail.selectedOption.value);
                }}
              />
            </FormField>
          </SpaceBetween>
        )
      }
    />
  );
}
