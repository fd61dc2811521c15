import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useText } from "../../../i18n/text";
import type { Draft } from "../../../mapping/draft";
import { contentTypes } from "../../../mapping/standard";
import catalogue from "./messages";

/** The fields and keys that a template gives, which are to be read only. */
export function TemplateView({ draft, onDetach }: { draft: Draft; onDetach: () => void }) {
  const t = useText(catalogue);
  const nothing = "–";
  const typeName = (type: string): string => {
    const known = contentTypes.find((c) => c === (type || "STRING"));
    return known ? t(known) : type;
  };
  return (
    <SpaceBetween size="l">
      <Alert type="info" action={<Button onClick={onDetach}>{t("detach")}</Button>}>
        {t("ofTemplate", { template: draft.options.templateId })}
      </Alert>
      <Table
        variant="container"
        header={
          <Header variant="h2" counter={`(${draft.fields.length})`}>
            {t("fields")}
          </Header>
        }
        ariaLabels={{ tableLabel: t("fields") }}
        items={draft.fields}
        trackBy="id"
        wrapLines
        columnDefinitions={[
          { id: "name", header: t("name"), cell: (f) => f.name, isRowHeader: true },
          { id: "source", header: t("source"), cell: (f) => <span style={{ overflowWrap: "anywhere" }}>{f.source}</span> },
          { id: "target", header: t("target"), cell: (f) => f.target || nothing },
          { id: "type", header: t("contentType"), cell: (f) => typeName(f.contentType) },
        ]}
      />
      <Table
        variant="container"
        header={
          <Header variant="h2" counter={`(${draft.keys.length})`}>
            {t("keys")}
          </Header>
        }
        ariaLabels={{ tableLabel: t("keys") }}
        items={draft.keys}
        trackBy="id"
        wrapLines
        columnDefinitions={[
          { id: "name", header: t("name"), cell: (k) => k.name, isRowHeader: true },
          { id: "fields", header: t("keyFields"), cell: (k) => k.fieldNames.join(", ") },
          { id: "identifiers", header: t("keyIdentifiers"), cell: (k) => k.identifiers.join(", ") || t("searchOnly") },
        ]}
      />
    </SpaceBetween>
  );
}
