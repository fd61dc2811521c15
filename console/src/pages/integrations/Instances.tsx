import { DescribeInstanceCommand, type Instance } from "@aws-sdk/client-connect";
import { DeleteIntegrationCommand, type ListIntegrationItem } from "@aws-sdk/client-customer-profiles";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { connect } from "../../api/connect";
import { explain } from "../../api/errors";
import { profile } from "../../api/profile";
import { useFrame } from "../../app/frame";
import { AppLink } from "../../components/AppLink";
import { ConfirmModal } from "../../components/ConfirmModal";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Text, useText } from "../../i18n/text";
import { domainsKey, useIntegrations } from "../../resources/domains";
import { instancesKey } from "../../resources/instances";
import { ConnectModal } from "./ConnectModal";
import catalogue from "./messages";

/** An integration, with what Connect says of its instance. */
interface Row {
  integration: ListIntegrationItem;
  instanceId: string;
  /** Null: it is not there; undefined: it is not known. */
  instance: Instance | null | undefined;
}

const instanceIdOf = (uri: string): string => /:instance\/([\w-]+)$/.exec(uri)?.[1] ?? "";

/** The Connect instances whose contacts come into a domain. */
export function Instances({ domain }: { domain: string }) {
  const t = useText(catalogue);
  const list = useIntegrations(domain);
  const [connecting, setConnecting] = useState(false);
  const [leaving, setLeaving] = useState<Row>();
  // The instances themselves; who may not read them sees that they are connected.
  const described = useQueries({
    queries: list.items.map(({ Uri = "" }) => ({
      queryKey: [...instancesKey, "connected", instanceIdOf(Uri)],
      staleTime: 30_000,
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Instance | null> => {
        try {
          return (await connect().send(new DescribeInstanceCommand({ InstanceId: instanceIdOf(Uri) }), { abortSignal: signal })).Instance ?? null;
        } catch (e) {
          if (explain(e).kind === "notFound") return null;
          throw e;
        }
      },
    })),
    combine: (results) => results.map((r) => r.data),
  });
  const rows = useMemo(() => list.items.map((integration, i): Row => ({ integration, instanceId: instanceIdOf(integration.Uri ?? ""), instance: described[i] })), [list.items, described]);
  const columns = useMemo(() => columnsOf(t, domain), [t, domain]);
  return (
    <>
      <ResourceTable<Row>
        id="connectedInstances"
        level="h2"
        title={t("instances")}
        description={t("instancesHint")}
        columns={columns}
        list={{ ...list, items: rows }}
        keyOf={(r) => r.integration.Uri ?? ""}
        nameOf={(r) => nameOf(r, t)}
        selection="single"
        empty={{ title: t("noInstances"), text: t("noInstancesText"), action: <Button onClick={() => setConnecting(true)}>{t("connect")}</Button> }}
        actions={([selected]) => (
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!selected} onClick={() => setLeaving(selected)}>
              {t("disconnect")}
            </Button>
            <Button variant="primary" onClick={() => setConnecting(true)}>
              {t("connect")}
            </Button>
          </SpaceBetween>
        )}
      />
      {connecting && <ConnectModal domain={domain} onClose={() => setConnecting(false)} />}
      {leaving && <DisconnectModal domain={domain} row={leaving} onClose={() => setLeaving(undefined)} />}
    </>
  );
}

function nameOf({ instance, instanceId }: Row, t: Text<typeof catalogue>): string {
  return instance?.InstanceAlias ?? t("unnamed", { id: instanceId.slice(0, 8) });
}

/** What an integration is at: whether contacts come. */
function stateOf({ instance }: Row): { look: StatusIndicatorProps.Type; text: "takesIn" | "beingMade" | "failed" | "gone" | "unknown" } {
  if (instance === null) return { look: "warning", text: "gone" };
  switch (instance?.InstanceStatus) {
    case "ACTIVE":
      return { look: "success", text: "takesIn" };
    case "CREATION_IN_PROGRESS":
      return { look: "in-progress", text: "beingMade" };
    case "CREATION_FAILED":
      return { look: "error", text: "failed" };
    default:
      return { look: "info", text: "unknown" };
  }
}

function columnsOf(t: Text<typeof catalogue>, domain: string): Column<Row>[] {
  const types = (r: Row): string => r.integration.ObjectTypeName ?? Object.values(r.integration.ObjectTypeNames ?? {}).join(", ");
  return [
    {
      id: "instance",
      header: t("instance"),
      rowHeader: true,
      minWidth: 180,
      value: (r) => nameOf(r, t),
      cell: (r) => (r.instance ? <AppLink href={`/console/instances/${r.instanceId}`}>{nameOf(r, t)}</AppLink> : nameOf(r, t)),
    },
    {
      id: "state",
      header: t("state"),
      minWidth: 190,
      value: (r) => t(stateOf(r).text),
      cell: (r) => <StatusIndicator type={stateOf(r).look}>{t(stateOf(r).text)}</StatusIndicator>,
    },
    { id: "objectType", header: t("objectType"), minWidth: 150, value: types, cell: (r) => <AppLink href={`/console/domains/${domain}/object-types/${types(r)}`}>{types(r)}</AppLink> },
    { id: "since", header: t("since"), minWidth: 170, value: (r) => r.integration.CreatedAt, cell: (r) => <Time at={r.integration.CreatedAt} /> },
    { id: "arn", header: t("arn"), minWidth: 320, value: (r) => r.integration.Uri ?? "", optional: true },
  ];
}

function DisconnectModal({ domain, row, onClose }: { domain: string; row: Row; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const name = nameOf(row, t);
  return (
    <ConfirmModal
      title={t("disconnectTitle", { name })}
      action={t("disconnect")}
      onClose={onClose}
      onConfirm={async () => {
        await profile().send(new DeleteIntegrationCommand({ DomainName: domain, Uri: row.integration.Uri }));
        notify({ type: "success", text: t("disconnected", { name }) });
        await queries.invalidateQueries({ queryKey: domainsKey });
      }}
    >
      {t("disconnectText")}
    </ConfirmModal>
  );
}
