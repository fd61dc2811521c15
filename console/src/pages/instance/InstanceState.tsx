import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useText } from "../../i18n/text";
import catalogue from "./messages";

const looks = { ACTIVE: "success", CREATION_IN_PROGRESS: "in-progress", CREATION_FAILED: "error" } as const;

/** The state of an instance. */
export function InstanceState({ status }: { status: keyof typeof looks | undefined }) {
  const t = useText(catalogue);
  return status ? <StatusIndicator type={looks[status]}>{t(`state${status}`)}</StatusIndicator> : <>–</>;
}

/** Which calls an instance takes and makes. */
export function calls(i: { InboundCallsEnabled?: boolean; OutboundCallsEnabled?: boolean }): "both" | "inbound" | "outbound" | "none" {
  if (i.InboundCallsEnabled) return i.OutboundCallsEnabled ? "both" : "inbound";
  return i.OutboundCallsEnabled ? "outbound" : "none";
}
