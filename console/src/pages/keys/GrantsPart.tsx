import { type GrantListEntry, RevokeGrantCommand } from "@aws-sdk/client-kms";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { useKeyUses } from "../../resources/encryption";
import { keysKey, useGrants } from "../../resources/keys";
import { GrantModal } from "./GrantModal";
import { constraintsOf, granteeOf } from "./grant";
import catalogue from "./messages";

type Texts = Text<typeof catalogue>;

/** The grants on a key. */
export function GrantsPart({ id, arn }: { id: string; arn: string }) {
  const t = useText(catalogue);
  // Who may not see who uses the key is not told the names of domains.
  const { data: uses } = useKeyUses(arn);
  const names = useMemo(() => new Map(uses?.map((u) => [u.DomainId, u.DomainName])), [uses]);
  const list = useGrants(id);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<GrantListEntry>();
  const columns = useMemo(() => columnsOf(t, names), [t, names]);
  return (
    <>
      <ResourceTable<GrantListEntry>
        id="key-grants"
        level="h2"
        title={t("tabGrants")}
        description={t("grantsText")}
        columns={columns}
        list={list}
        keyOf={(g) => g.GrantId ?? ""}
        nameOf={(g) => who(t, g)}
        selection="single"
        wrap
        empty={{ title: t("noGrants"), text: t("noGrantsText") }}
        actions={([chosen]) => (
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!chosen} onClick={() => setRevoking(chosen)}>
              {t("revoke")}
            </Button>
            <Button onClick={() => setCreating(true)}>{t("createGrant")}</Button>
          </SpaceBetween>
        )}
      />
      {creating && <GrantModal id={id} onClose={() => setCreating(false)} />}
      {revoking && <RevokeModal id={id} grant={revoking} onlyFor={onlyFor(t, revoking, names)} onClose={() => setRevoking(undefined)} />}
    </>
  );
}

function who(t: Texts, g: GrantListEntry): string {
  const grantee = granteeOf(g);
  return grantee.kind === "profiles" ? t("customerProfiles") : grantee.name;
}

function onlyFor(t: Texts, g: GrantListEntry, names: ReadonlyMap<string, string>): string {
  const { domain, source, pairs } = constraintsOf(g, names);
  return [...(domain === undefined ? [] : [domain === null ? t("domainGone") : t("domainNamed", { domain })]), ...(source === undefined ? [] : [source]), ...pairs].join(", ") || t("anything");
}

function columnsOf(t: Texts, names: ReadonlyMap<string, string>): Column<GrantListEntry>[] {
  return [
    { id: "grantee", header: t("grantee"), value: (g) => who(t, g), rowHeader: true, minWidth: 180 },
    { id: "constraints", header: t("constraints"), value: (g) => onlyFor(t, g, names), minWidth: 220 },
    { id: "operations", header: t("operations"), value: (g) => (g.Operations ?? []).join(", "), minWidth: 260 },
    { id: "name", header: t("grantName"), value: (g) => g.Name, optional: true, minWidth: 160 },
    { id: "created", header: t("created"), value: (g) => g.CreationDate, cell: (g) => <Time at={g.CreationDate} />, minWidth: 170 },
    { id: "id", header: t("grantId"), value: (g) => g.GrantId, optional: true, minWidth: 480 },
  ];
}

function RevokeModal({ id, grant, onlyFor, onClose }: { id: string; grant: GrantListEntry; onlyFor: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const revoke = async (): Promise<void> => {
    await kms().send(new RevokeGrantCommand({ KeyId: id, GrantId: grant.GrantId }));
    await queries.invalidateQueries({ queryKey: keysKey });
    notify({ type: "success", text: t("revoked") });
  };
  return (
    <ConfirmModal title={t("revokeTitle", { grantee: who(t, grant) })} action={t("revoke")} onConfirm={revoke} onClose={onClose}>
      <Box>{t("revokeText")}</Box>
      <Box>
        {t("constraints")}: {onlyFor}
      </Box>
    </ConfirmModal>
  );
}
