import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useCallback } from "react";
import { explain } from "../api/errors";
import { useText } from "../i18n/text";
import { CopyText } from "./CopyText";
import catalogue from "./messages";

/** Says in a sentence what went wrong, and what to do where that is known. For the error of any call. */
export function ErrorAlert({ error, onRetry, header }: { error: unknown; onRetry?: () => void; header?: string }) {
  const t = useText(catalogue);
  const { kind, message, action, resource, requestId } = explain(error);
  return (
    <Alert type={kind === "busy" ? "warning" : "error"} header={header ?? t(kind)} action={onRetry && <Button onClick={onRetry}>{t("retry")}</Button>}>
      <SpaceBetween size="xxs">
        {header && <div>{t(kind)}</div>}
        {action ? <div>{t("deniedAction", { action })}</div> : message && kind !== "internal" && <Sentence text={message} />}
        {resource && (
          <div>
            {t("onResource")} <CopyText text={resource} name={t("onResource")} />
          </div>
        )}
        {kind === "network" && <div>{t("networkHint")}</div>}
        {kind === "internal" && <div>{t("internalHint")}</div>}
        {kind === "internal" && requestId && (
          <div>
            {t("request")} <CopyText text={requestId} name={t("request")} />
          </div>
        )}
      </SpaceBetween>
    </Alert>
  );
}

function Sentence({ text }: { text: string }) {
  return (
    <Box variant="span" color="inherit">
      <span style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>{text}</span>
    </Box>
  );
}

/** One line for the error of a call, where there is no room for an alert. */
export function useErrorText(): (error: unknown) => string {
  const t = useText(catalogue);
  return useCallback(
    (error) => {
      const { kind, message, action } = explain(error);
      if (action) return t("deniedAction", { action });
      return message && kind !== "internal" ? `${t(kind)}. ${message}` : t(kind);
    },
    [t],
  );
}
