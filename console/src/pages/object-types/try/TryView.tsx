import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { kindred } from "../../../api/kindred";
import type { ObjectTypeDefinition } from "../../../api/kindred.types";
import { ErrorAlert } from "../../../components/ErrorAlert";
import { JsonEditor } from "../../../components/JsonEditor";
import { Loading } from "../../../components/Loading";
import { parseJson } from "../../../components/json";
import { PreviewResult } from "../../../components/preview/PreviewResult";
import { useText } from "../../../i18n/text";
import { definitionOf } from "../../../mapping/draft";
import type { TypeEditor } from "../editor/useTypeEditor";
import { LettersModal } from "./LettersModal";
import catalogue from "./messages";
import { StoredModal } from "./StoredModal";

/** Characters of a record, as the API limits them. */
const maxRecord = 256_000;

/** How long a record or mapping is left alone before it is tried. */
const pause = 400;

/** Tries a record with the object type as it is in the editor, saved or not. */
export function TryView({ domain, name, editor, record, onRecord }: { domain: string; name: string; editor: TypeEditor; record: string; onRecord: (record: string) => void }) {
  const t = useText(catalogue);
  const [choosing, setChoosing] = useState<"stored" | "letter">();
  const parsed = parseJson(record);
  const isObject = "value" in parsed && typeof parsed.value === "object" && parsed.value !== null && !Array.isArray(parsed.value);
  const tooLarge = record.length > maxRecord;
  const wrong = record.trim() === "" ? undefined : tooLarge ? t("tooLarge") : "value" in parsed && !isObject ? t("notRecord") : undefined;
  const choose = (chosen: string): void => {
    onRecord(chosen);
    setChoosing(undefined);
  };
  return (
    <>
      <Grid gridDefinition={[{ colspan: { default: 12, s: 4 } }, { colspan: { default: 12, s: 8 } }]}>
        <Container
          header={
            <Header variant="h2" description={t("recordHint")}>
              {t("record")}
            </Header>
          }
        >
          <SpaceBetween size="m">
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => setChoosing("stored")}>{t("stored")}</Button>
              <Button onClick={() => setChoosing("letter")}>{t("letter")}</Button>
            </SpaceBetween>
            <JsonEditor ariaLabel={t("record")} value={record} rows={20} stretch errorText={wrong} onChange={onRecord} />
          </SpaceBetween>
        </Container>
        <Result domain={domain} name={name} editor={editor} record={isObject && !tooLarge ? record : ""} />
      </Grid>
      {choosing === "stored" && <StoredModal domain={domain} objectType={name} draft={editor.state.draft} onChoose={choose} onClose={() => setChoosing(undefined)} />}
      {choosing === "letter" && <LettersModal domain={domain} objectType={name} onChoose={choose} onClose={() => setChoosing(undefined)} />}
    </>
  );
}

/** A value once it has been left alone for a while. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pause);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

function Result({ domain, name, editor, record }: { domain: string; name: string; editor: TypeEditor; record: string }) {
  const t = useText(catalogue);
  const { state, problems } = editor;
  const right = state.fault === undefined && problems.all.every(({ problem }) => problem.place.part === "option" && problem.place.member === "Description");
  const draft = useSettled(state.draft);
  const settledRecord = useSettled(record);
  // A type that is being made may not have been described yet.
  const definition = { ...definitionOf(draft), Description: draft.options.description || name } as ObjectTypeDefinition;
  const preview = useQuery({
    queryKey: ["kindred", "preview", domain, name, definition, settledRecord],
    queryFn: ({ signal }) => kindred().call("PreviewProfileObject", { DomainName: domain, ObjectTypeName: name, ObjectType: definition, Object: settledRecord }, { signal }),
    enabled: right && settledRecord !== "" && record !== "",
    placeholderData: keepPreviousData,
    gcTime: 0, // records are customers' data, and no two are tried twice
  });
  if (record === "") {
    return (
      <Container>
        <Box textAlign="center" padding="l" color="text-body-secondary">
          <SpaceBetween size="xs">
            <Box variant="strong" color="inherit">
              {t("nothingYet")}
            </Box>
            <div>{t("nothingYetText")}</div>
          </SpaceBetween>
        </Box>
      </Container>
    );
  }
  return (
    <SpaceBetween size="l">
      {!right && <Alert type="warning">{t("mendFirst")}</Alert>}
      {preview.error ? <ErrorAlert error={preview.error} onRetry={() => void preview.refetch()} /> : preview.data ? <PreviewResult domain={domain} preview={preview.data} /> : right && <Loading />}
    </SpaceBetween>
  );
}
