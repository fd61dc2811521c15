import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { explain } from "../api/errors";
import { useText } from "../i18n/text";
import { NotAPolicy, readRefusal } from "../resources/policy";
import { repair } from "../resources/repair";
import { CopyBlock } from "./CopyText";
import { ErrorAlert } from "./ErrorAlert";
import catalogue from "./messages";

/**
 * Shows why a call was refused. When what it lacks is a statement in the policy of a
 * queue or key, it shows that and a button that adds it, for those who may; after
 * that the call can be made again. Any other error is shown as everywhere.
 */
export function Repair({ error, onRepaired, onRetry }: { error: unknown; onRepaired: () => void; onRetry?: () => void }) {
  const t = useText(catalogue);
  const refusal = readRefusal(explain(error).message);
  const add = useMutation({
    mutationFn: async () => {
      if (refusal) await repair(refusal);
    },
    onSuccess: onRepaired,
  });
  if (!refusal) return <ErrorAlert error={error} {...(onRetry && { onRetry })} />;
  return (
    <SpaceBetween size="s">
      <Alert
        type="error"
        header={t(refusal.on === "queue" ? "repairQueue" : "repairKey")}
        action={
          <Button loading={add.isPending} onClick={() => add.mutate()}>
            {t("repairAdd")}
          </Button>
        }
      >
        {t(refusal.on === "queue" ? "repairAddToQueue" : "repairAddToKey")}
      </Alert>
      <CopyBlock text={JSON.stringify(refusal.statement, null, 2)} name={t("repairStatement")} />
      {add.error && (add.error instanceof NotAPolicy ? <Alert type="error">{t("repairUnreadable")}</Alert> : <ErrorAlert error={add.error} />)}
    </SpaceBetween>
  );
}
