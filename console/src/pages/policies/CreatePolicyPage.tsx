import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { kindred } from "../../api/kindred";
import { useFrame } from "../../app/frame";
import { ErrorAlert } from "../../components/ErrorAlert";
import { JsonEditor } from "../../components/JsonEditor";
import { parseJson } from "../../components/json";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { policiesKey, policyNamePattern } from "../../resources/iam";
import catalogue from "./messages";

const example = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["profile:SearchProfiles", "profile:BatchGetProfile"],
      "Resource": "*"
    }
  ]
}`;

/** Makes a managed policy. */
export default function CreatePolicyPage() {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");
  const [text, setText] = useState(example);
  const sound = policyNamePattern.test(name) && "value" in parseJson(text);
  const create = useMutation({
    mutationFn: () => kindred().call("CreatePolicy", { PolicyName: name, PolicyDocument: text, ...(about.trim() && { Description: about.trim() }) }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: policiesKey });
      notify({ type: "success", text: t("made", { name }) });
      void navigate("/console/policies");
    },
  });
  return (
    <Page title={t("create")} crumbs={[{ text: t("title"), href: "/console/policies" }]}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (sound) create.mutate();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button formAction="none" variant="link" onClick={() => void navigate("/console/policies")}>
                {t("cancel")}
              </Button>
              <Button variant="primary" disabled={!sound} loading={create.isPending}>
                {t("create")}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <Container>
              <SpaceBetween size="l">
                <FormField label={t("name")} constraintText={t("nameRule")} errorText={name !== "" && !policyNamePattern.test(name) && t("nameRule")}>
                  <Input value={name} spellcheck={false} autoComplete={false} onChange={({ detail }) => setName(detail.value)} />
                </FormField>
                <FormField label={t("optional")}>
                  <Input value={about} onChange={({ detail }) => setAbout(detail.value)} />
                </FormField>
                <JsonEditor label={t("document")} description={t("documentHint")} value={text} onChange={setText} stretch />
              </SpaceBetween>
            </Container>
            {create.error && <ErrorAlert error={create.error} />}
          </SpaceBetween>
        </Form>
      </form>
    </Page>
  );
}
