import type { KeyState as State } from "@aws-sdk/client-kms";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { type Text, useText } from "../../i18n/text";
import catalogue from "./messages";

const looks = { Enabled: "success", Disabled: "stopped", PendingDeletion: "warning" } as const;

const known = (state: State): state is keyof typeof looks => state in looks;

/** The state of a key in words. */
export const stateText = (t: Text<typeof catalogue>, state: State): string => (known(state) ? t(state) : t("other", { state }));

/** The state of a key. */
export function KeyState({ state }: { state: State | undefined }) {
  const t = useText(catalogue);
  if (!state) return <>{t("noAccess")}</>;
  return <StatusIndicator type={known(state) ? looks[state] : "info"}>{stateText(t, state)}</StatusIndicator>;
}
