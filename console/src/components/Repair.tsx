import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { explain } from "../api/errors";
import { messages, useText } from "../i18n/text";
import { NotAPolicy, readRefusal } from "../resources/policy";
import { CopyBlock } from "./CopyText";
import { ErrorAlert } from "./ErrorAlert";
import { repair } from "../resources/repair";

const catalogue = messages({
  queue: { en: "The queue's policy does not let Customer Profiles send to it", "pt-BR": "A política da fila não permite que o Customer Profiles envie para ela" },
  key: { en: "Customer Profiles may not use the key", "pt-BR": "O Customer Profiles não pode usar a chave" },
  addToQueue: { en: "Add this statement to the policy of the queue:", "pt-BR": "Adicione esta declaração à política da fila:" },
  addToKey: {
    en: "Add this statement to the key's policy, or have it done by somebody who may create grants on the key:",
    "pt-BR": "Adicione esta declaração à política da chave, ou peça a alguém que possa criar concessões na chave:",
  },
  statement: { en: "Statement", "pt-BR": "Declaração" },
  add: { en: "Add the statement", "pt-BR": "Adicionar a declaração" },
  unreadable: { en: "The policy that is there is not valid JSON, so nothing was changed. Add the statement by hand.", "pt-BR": "A política existente não é um JSON válido, por isso nada foi alterado. Adicione a declaração manualmente." },
});

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
        header={t(refusal.on)}
        action={
          <Button loading={add.isPending} onClick={() => add.mutate()}>
            {t("add")}
          </Button>
        }
      >
        {t(refusal.on === "queue" ? "addToQueue" : "addToKey")}
      </Alert>
      <CopyBlock text={JSON.stringify(refusal.statement, null, 2)} name={t("statement")} />
      {add.error && (add.error instanceof NotAPolicy ? <Alert type="error">{t("unreadable")}</Alert> : <ErrorAlert error={add.error} />)}
    </SpaceBetween>
  );
}
