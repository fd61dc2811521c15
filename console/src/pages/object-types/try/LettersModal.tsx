import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useQuery } from "@tanstack/react-query";
import { kindred } from "../../../api/kindred";
import type { DeadLetter } from "../../../api/kindred.types";
import { ErrorAlert } from "../../../components/ErrorAlert";
import { formatJson, parseJson } from "../../../components/json";
import { Time } from "../../../components/Time";
import { useText } from "../../../i18n/text";
import catalogue from "./messages";
import { Excerpt } from "./StoredModal";

/** The dead letters of an object type, one of which can be tried. */
export function LettersModal({ domain, objectType, onChoose, onClose }: { domain: string; objectType: string; onChoose: (record: string) => void; onClose: () => void }) {
  const t = useText(catalogue);
  const letters = useQuery({
    queryKey: ["kindred", "deadLettersToTry", domain, objectType],
    queryFn: ({ signal }) => kindred().call("ListDeadLetters", { DomainName: domain, ObjectTypeName: objectType, MaxResults: 50 }, { signal }),
    staleTime: Infinity, // to look into a queue is to receive its letters, which is not done by the way
    gcTime: 0,
  });
  return (
    <Modal
      visible
      size="large"
      header={t("lettersTitle")}
      closeAriaLabel={t("close")}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <Button variant="link" onClick={onClose}>
            {t("cancel")}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {letters.error && <ErrorAlert error={letters.error} onRetry={() => void letters.refetch()} />}
        {letters.data?.QueueProblem && <Alert type="warning">{letters.data.QueueProblem}</Alert>}
        {!letters.error && (
          <Table<DeadLetter>
            variant="embedded"
            wrapLines
            ariaLabels={{ tableLabel: t("letters") }}
            loading={letters.isPending}
            loadingText={t("loading")}
            items={letters.data?.Items ?? []}
            trackBy="Id"
            empty={t("noLetters")}
            columnDefinitions={[
              { id: "time", header: t("time"), cell: (l) => <Time at={l.SentAt} />, width: 160 },
              { id: "error", header: t("error"), isRowHeader: true, cell: (l) => l.Message, minWidth: 180 },
              { id: "record", header: t("record"), cell: (l) => <Excerpt text={l.Body} />, minWidth: 180 },
              {
                id: "use",
                header: t("use"),
                width: 110,
                cell: (l) => (
                  <Button ariaLabel={t("useThe", { record: l.Body.slice(0, 40) })} onClick={() => onChoose("value" in parseJson(l.Body) ? formatJson(l.Body) : l.Body)}>
                    {t("use")}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </SpaceBetween>
    </Modal>
  );
}
