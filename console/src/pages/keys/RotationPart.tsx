import { DisableKeyRotationCommand, EnableKeyRotationCommand, type GetKeyRotationStatusCommandOutput, RotateKeyOnDemandCommand, type RotationsListEntry } from "@aws-sdk/client-kms";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Toggle from "@cloudscape-design/components/toggle";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { keysKey, useRotation, useRotations } from "../../resources/keys";
import catalogue from "./messages";

/** The rotation of a key: by itself, at once, and what there was. usable: the key is enabled. */
export function RotationPart({ id, name, usable }: { id: string; name: string; usable: boolean }) {
  const t = useText(catalogue);
  const { data: status, error, refetch } = useRotation(id);
  const list = useRotations(id);
  const columns = useMemo(() => columnsOf(t), [t]);
  const [rotating, setRotating] = useState(false);
  return (
    <SpaceBetween size="l">
      {status ? (
        <Automatic key={`${status.KeyRotationEnabled} ${status.RotationPeriodInDays}`} id={id} status={status} usable={usable} />
      ) : error ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : (
        <Loading />
      )}
      <ResourceTable<RotationsListEntry>
        id="key-rotations"
        level="h2"
        title={t("rotations")}
        columns={columns}
        list={list}
        keyOf={(r) => r.KeyMaterialId ?? ""}
        nameOf={(r) => r.KeyMaterialId ?? ""}
        empty={{ title: t("noRotations") }}
        actions={
          <Button disabled={!usable} onClick={() => setRotating(true)}>
            {t("rotateNow")}
          </Button>
        }
      />
      {rotating && <RotateModal id={id} name={name} onClose={() => setRotating(false)} />}
    </SpaceBetween>
  );
}

const usualPeriod = 365; // days, of the API

function Automatic({ id, status, usable }: { id: string; status: GetKeyRotationStatusCommandOutput; usable: boolean }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const { KeyRotationEnabled: was = false, RotationPeriodInDays: periodWas = usualPeriod, NextRotationDate } = status;
  const [on, setOn] = useState(was);
  const [days, setDays] = useState(String(periodWas));
  const valid = !on || (/^\d{2,4}$/.test(days.trim()) && Number(days) >= 90 && Number(days) <= 2560);
  const changed = on !== was || (on && Number(days) !== periodWas);
  const save = useMutation({
    mutationFn: async () => {
      if (on) await kms().send(new EnableKeyRotationCommand({ KeyId: id, RotationPeriodInDays: Number(days) }));
      else await kms().send(new DisableKeyRotationCommand({ KeyId: id }));
    },
    onSuccess: async () => {
      notify({ type: "success", text: t("rotationSaved") });
      await queries.invalidateQueries({ queryKey: keysKey });
    },
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        if (valid && changed) save.mutate();
      }}
    >
      <Container
        header={
          <Header
            variant="h2"
            description={t("rotationText")}
            actions={
              <Button loading={save.isPending} disabled={!valid || !changed || !usable}>
                {t("save")}
              </Button>
            }
          >
            {t("automatic")}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <KeyValuePairs
            columns={2}
            items={[
              { label: t("status"), value: <StatusIndicator type={was ? "success" : "stopped"}>{was ? `${t("on")}, ${t("days", { count: periodWas })}` : t("off")}</StatusIndicator> },
              { label: t("nextRotation"), value: <Time at={NextRotationDate} /> },
            ]}
          />
          <Toggle checked={on} disabled={!usable} onChange={({ detail }) => setOn(detail.checked)}>
            {t("rotateAutomatically")}
          </Toggle>
          {on && (
            <FormField label={t("period")} constraintText={t("periodRule")} errorText={!valid && t("periodRule")}>
              <Input type="number" inputMode="numeric" disabled={!usable} value={days} onChange={({ detail }) => setDays(detail.value)} />
            </FormField>
          )}
          {save.error && <ErrorAlert error={save.error} />}
        </SpaceBetween>
      </Container>
    </form>
  );
}

function RotateModal({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const rotate = async (): Promise<void> => {
    await kms().send(new RotateKeyOnDemandCommand({ KeyId: id }));
    await queries.invalidateQueries({ queryKey: keysKey });
    notify({ type: "success", text: t("rotated", { key: name }) });
  };
  return (
    <ConfirmModal title={t("rotateTitle", { key: name })} action={t("rotateNow")} onConfirm={rotate} onClose={onClose}>
      <Box>{t("rotateText")}</Box>
    </ConfirmModal>
  );
}

function columnsOf(t: Text<typeof catalogue>): Column<RotationsListEntry>[] {
  const type = (r: RotationsListEntry): string => (r.RotationType ? t(r.RotationType) : "");
  return [
    { id: "date", header: t("rotatedOn"), value: (r) => r.RotationDate, cell: (r) => <Time at={r.RotationDate} />, rowHeader: true, minWidth: 170 },
    { id: "type", header: t("type"), value: type, minWidth: 140 },
    { id: "material", header: t("material"), value: (r) => r.KeyMaterialId, optional: true, minWidth: 480 },
  ];
}
