import { EnableKeyCommand, type KeyMetadata, PutKeyPolicyCommand } from "@aws-sdk/client-kms";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert, useErrorText } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { PolicyEditor } from "../../components/PolicyEditor";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { domainsKey } from "../../resources/domains";
import { keysKey, useAliasesOf, useKey, useKeyPolicy } from "../../resources/keys";
import { keyServiceActions } from "../../resources/policy";
import { AliasesPart } from "./AliasesPart";
import { DescriptionModal } from "./DescriptionModal";
import { CancelDeletionModal, DisableModal, ScheduleModal } from "./endings";
import { GrantsPart } from "./GrantsPart";
import { KeyState } from "./KeyState";
import catalogue from "./messages";
import { RotationPart } from "./RotationPart";
import { UsesPart } from "./UsesPart";

/** A key: what it is, who may use it, its names, its rotation, and what is encrypted under it. */
export default function KeyPage() {
  const t = useText(catalogue);
  const { keyId = "" } = useParams();
  const { data: key, error, isFetching, refetch } = useKey(keyId);
  const name = useKeyName(key);
  return (
    <Page
      title={name || keyId}
      crumbs={[{ text: t("title"), href: "/console/keys" }]}
      actions={key && <Actions keyData={key} name={name} fetching={isFetching} onRefresh={() => void refetch()} />}
    >
      {key ? (
        <SpaceBetween size="l">
          <State keyData={key} />
          <Details keyData={key} />
          <Parts keyData={key} name={name} />
        </SpaceBetween>
      ) : error ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}

/** What people call a key: its first alias, or its id. */
function useKeyName(key: KeyMetadata | undefined): string {
  const { items } = useAliasesOf(key?.KeyId);
  return items[0]?.AliasName?.replace(/^alias\//, "") ?? key?.KeyId ?? "";
}

/** Reads anew what a change of a key changes. */
function useChanged(): () => Promise<unknown> {
  const queries = useQueryClient();
  return () => Promise.all([queries.invalidateQueries({ queryKey: keysKey }), queries.invalidateQueries({ queryKey: domainsKey })]);
}

function Actions({ keyData, name, fetching, onRefresh }: { keyData: KeyMetadata; name: string; fetching: boolean; onRefresh: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const errorText = useErrorText();
  const changed = useChanged();
  const [open, setOpen] = useState<"disable" | "schedule" | "cancel" | "describe">();
  const close = (): void => setOpen(undefined);
  const { KeyId = "", KeyState: state } = keyData;
  const enable = useMutation({
    mutationFn: () => kms().send(new EnableKeyCommand({ KeyId })),
    onSuccess: async () => {
      await changed();
      notify({ type: "success", text: t("enabled", { key: name }) });
    },
    onError: (e) => notify({ type: "error", text: errorText(e) }),
  });
  const modal = { keyData, name, onChanged: changed, onClose: close };
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <Button iconName="refresh" ariaLabel={t("refresh")} loading={fetching} onClick={onRefresh} />
      <Button onClick={() => setOpen("describe")}>{t("edit")}</Button>
      {state === "Enabled" && <Button onClick={() => setOpen("disable")}>{t("disable")}</Button>}
      {state === "Disabled" && (
        <Button loading={enable.isPending} onClick={() => enable.mutate()}>
          {t("enable")}
        </Button>
      )}
      {state === "PendingDeletion" ? <Button onClick={() => setOpen("cancel")}>{t("cancelDeletion")}</Button> : <Button onClick={() => setOpen("schedule")}>{t("schedule")}</Button>}
      {open === "disable" && <DisableModal {...modal} />}
      {open === "schedule" && <ScheduleModal {...modal} />}
      {open === "cancel" && <CancelDeletionModal {...modal} />}
      {open === "describe" && <DescriptionModal {...modal} />}
    </SpaceBetween>
  );
}

/** Says so when the key cannot be used. */
function State({ keyData }: { keyData: KeyMetadata }) {
  const t = useText(catalogue);
  const { dateTime } = useFormat();
  if (keyData.KeyState === "PendingDeletion") {
    return (
      <Alert type="error" header={t("pendingHeader", { date: keyData.DeletionDate ? dateTime(keyData.DeletionDate) : "–" })}>
        {t("pendingText")}
      </Alert>
    );
  }
  if (keyData.KeyState === "Disabled") {
    return (
      <Alert type="warning" header={t("disabledHeader")}>
        {t("disabledText")}
      </Alert>
    );
  }
  return null;
}

function Details({ keyData }: { keyData: KeyMetadata }) {
  const t = useText(catalogue);
  const { KeyId = "", Arn = "", KeyState: state, Description, CreationDate, KeySpec, KeyUsage } = keyData;
  return (
    <Container header={<Header variant="h2">{t("details")}</Header>}>
      <KeyValuePairs
        columns={3}
        items={[
          { label: t("status"), value: <KeyState state={state} /> },
          { label: t("created"), value: <Time at={CreationDate} /> },
          { label: t("descriptionField"), value: <span style={{ overflowWrap: "anywhere" }}>{Description || "–"}</span> },
          { label: t("usage"), value: KeyUsage === "ENCRYPT_DECRYPT" ? t("encrypt") : (KeyUsage ?? "–") },
          { label: t("spec"), value: KeySpec ?? "–" },
          { label: t("id"), value: <CopyText text={KeyId} name={t("id")} /> },
          { label: t("arn"), value: <CopyText text={Arn} name={t("arn")} /> },
        ]}
      />
    </Container>
  );
}

function Parts({ keyData, name }: { keyData: KeyMetadata; name: string }) {
  const t = useText(catalogue);
  const [search, setSearch] = useSearchParams();
  const id = keyData.KeyId ?? "";
  return (
    <Tabs
      activeTabId={search.get("tab") ?? "policy"}
      onChange={({ detail }) => setSearch({ tab: detail.activeTabId }, { replace: true })}
      tabs={[
        { id: "policy", label: t("tabPolicy"), content: <PolicyPart id={id} /> },
        { id: "domains", label: t("tabUses"), content: <UsesPart arn={keyData.Arn ?? ""} /> },
        { id: "aliases", label: t("tabAliases"), content: <AliasesPart id={id} /> },
        { id: "grants", label: t("tabGrants"), content: <GrantsPart id={id} arn={keyData.Arn ?? ""} /> },
        { id: "rotation", label: t("tabRotation"), content: <RotationPart id={id} name={name} usable={keyData.KeyState === "Enabled"} /> },
      ]}
    />
  );
}

function PolicyPart({ id }: { id: string }) {
  const { data, error, refetch } = useKeyPolicy(id);
  const changed = useChanged();
  const save = async (Policy: string): Promise<void> => {
    await kms().send(new PutKeyPolicyCommand({ KeyId: id, PolicyName: "default", Policy }));
    await changed();
  };
  if (error) return <ErrorAlert error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  return (
    <Container>
      <PolicyEditor policy={data} onSave={save} service={{ actions: keyServiceActions, resource: "*" }} />
    </Container>
  );
}
