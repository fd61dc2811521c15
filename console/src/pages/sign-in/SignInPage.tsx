import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TopNavigation from "@cloudscape-design/components/top-navigation";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Navigate, useSearchParams } from "react-router";
import logo from "../../app/kindred.svg";
import { languageMenu, useSettingsMenu, useTopTexts } from "../../app/TopBar";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { usePreferences } from "../../preferences/preferences";
import { safeReturnPath } from "../../session/returnpath";
import { type Absence, type Proof, SessionError, session } from "../../session/session";
import { linkFailure } from "../../session/start";
import { useSessionState } from "../../session/useSession";
import catalogue from "./messages";

type Way = "password" | "accessKey";

/** Where one signs in, and from where one goes on to the page that was wanted. */
export default function SignInPage() {
  const t = useText(catalogue);
  const { locale } = usePreferences();
  const state = useSessionState();
  const [search] = useSearchParams();
  const settings = useSettingsMenu();
  const i18nStrings = useTopTexts();
  useEffect(() => {
    document.title = t("title");
  }, [t]);

  if (state.phase === "present") return <Navigate to={safeReturnPath(search.get("next"))} replace />;
  if (state.phase === "resuming") return null;
  return (
    <>
      <TopNavigation
        identity={{ title: "Kindred", logo: { src: logo, alt: t("logo") }, href: "/console/sign-in", onFollow: (e) => e.preventDefault() }}
        i18nStrings={i18nStrings}
        utilities={[languageMenu(t("language"), locale), settings]}
      />
      <main className="kindred-sign-in">
        <SignInForm why={state.why} />
      </main>
    </>
  );
}

function SignInForm({ why }: { why: Absence }) {
  const t = useText(catalogue);
  const [way, setWay] = useState<Way>("password");
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const [tried, setTried] = useState(false);
  const signIn = useMutation({ mutationFn: (proof: Proof) => session.signIn(proof), onError: () => setSecret("") });

  const password = way === "password";
  const submit = (): void => {
    setTried(true);
    if (!name || !secret) return;
    signIn.mutate(password ? { userName: name, password: secret } : { accessKeyId: name.trim(), secretAccessKey: secret.trim() });
  };

  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        submit();
      }}
    >
      <Form
        actions={
          <Button variant="primary" formAction="submit" loading={signIn.isPending}>
            {t("submit")}
          </Button>
        }
      >
        <SpaceBetween size="l">
          <Why why={why} error={signIn.error ?? (signIn.isIdle ? linkFailure : undefined)} link={!signIn.error} />
          <Container header={<Header variant="h1">{t("title")}</Header>}>
            <SpaceBetween size="l">
              <FormField label={t("how")}>
                <RadioGroup
                  value={way}
                  items={[
                    { value: "password", label: t("password") },
                    { value: "accessKey", label: t("accessKey") },
                  ]}
                  onChange={({ detail }) => {
                    setWay(detail.value as Way);
                    setName("");
                    setSecret("");
                    setTried(false);
                  }}
                />
              </FormField>
              <FormField key={`${way}-name`} label={t(password ? "userName" : "accessKeyId")} errorText={tried && !name && t(password ? "needUserName" : "needAccessKeyId")}>
                <Input
                  value={name}
                  name={password ? "username" : "accessKeyId"}
                  autoComplete={password ? "username" : "off"}
                  spellcheck={false}
                  autoFocus
                  onChange={({ detail }) => setName(detail.value)}
                />
              </FormField>
              <FormField
                key={`${way}-secret`}
                label={t(password ? "passwordField" : "secretAccessKey")}
                errorText={tried && !secret && !signIn.error && t(password ? "needPassword" : "needSecret")}
              >
                <Input
                  type="password"
                  value={secret}
                  name={password ? "password" : "secretAccessKey"}
                  autoComplete={password ? "current-password" : "off"}
                  onChange={({ detail }) => setSecret(detail.value)}
                />
              </FormField>
              {!password && <Box color="text-body-secondary">{t("keyHint")}</Box>}
            </SpaceBetween>
          </Container>
        </SpaceBetween>
      </Form>
    </form>
  );
}

/** Why one is asked to sign in, or why it did not work. */
function Why({ why, error, link }: { why: Absence; error: unknown; link: boolean }) {
  const t = useText(catalogue);
  if (error instanceof SessionError) {
    if (error.code === "TooManyAttempts") return <Alert type="warning" header={t("failed")}>{t("tooMany", { count: error.retryAfter ?? 60 })}</Alert>;
    if (error.code === "SignInFailed") return <Alert type="error" header={t("failed")}>{t(link ? "linkFailed" : "failedText")}</Alert>;
  }
  if (error) return <ErrorAlert error={error} />;
  if (why === "expired") return <Alert type="info" header={t("expired")}>{t("expiredText")}</Alert>;
  if (why === "signedOut") return <Alert type="success">{t("signedOut")}</Alert>;
  return null;
}
