import { CreateInstanceCommand } from "@aws-sdk/client-connect";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { connect } from "../../api/connect";
import { useFrame } from "../../app/frame";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { instancesKey } from "../../resources/instances";
import catalogue from "./messages";

/** The API's rule for an alias (DirectoryAlias). */
export const aliasPattern = /^(?!d-)[\da-zA-Z]+(-*[\da-zA-Z])*$/;

/** Makes an instance. */
export default function CreateInstancePage() {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [alias, setAlias] = useState("");
  const [inbound, setInbound] = useState(true);
  const [outbound, setOutbound] = useState(true);
  const [tried, setTried] = useState(false);
  const valid = alias.length <= 45 && aliasPattern.test(alias);

  const create = useMutation({
    mutationFn: () =>
      connect().send(
        new CreateInstanceCommand({ IdentityManagementType: "CONNECT_MANAGED", InstanceAlias: alias, InboundCallsEnabled: inbound, OutboundCallsEnabled: outbound }),
      ),
    onSuccess: async ({ Id }) => {
      await queries.invalidateQueries({ queryKey: instancesKey });
      notify({ type: "success", text: t("made", { alias }) });
      void navigate(`/console/instances/${Id}`);
    },
  });

  return (
    <Page title={t("createTitle")} description={t("createDescription")} crumbs={[{ text: t("title"), href: "/console/instances" }]}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (valid) create.mutate();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void navigate("/console/instances")}>
                {t("cancel")}
              </Button>
              <Button variant="primary" loading={create.isPending}>
                {t("submit")}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <Container header={<Header variant="h2">{t("settings")}</Header>}>
              <SpaceBetween size="l">
                <FormField label={t("alias")} description={t("aliasHint")} constraintText={t("aliasRule")} errorText={(tried || alias !== "") && !valid && t("aliasRule")}>
                  <Input value={alias} onChange={({ detail }) => setAlias(detail.value)} autoFocus spellcheck={false} autoComplete={false} />
                </FormField>
                <FormField label={t("allow")}>
                  <SpaceBetween size="xs">
                    <Checkbox checked={inbound} onChange={({ detail }) => setInbound(detail.checked)}>
                      {t("inbound")}
                    </Checkbox>
                    <Checkbox checked={outbound} onChange={({ detail }) => setOutbound(detail.checked)}>
                      {t("outbound")}
                    </Checkbox>
                  </SpaceBetween>
                </FormField>
              </SpaceBetween>
            </Container>
            {create.error && <ErrorAlert error={create.error} />}
          </SpaceBetween>
        </Form>
      </form>
    </Page>
  );
}
