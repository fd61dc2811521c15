import { ListProfileObjectsCommand, SearchProfilesCommand } from "@aws-sdk/client-customer-profiles";
import Alert from "@cloudscape-design/components/alert";
import Autosuggest from "@cloudscape-design/components/autosuggest";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { profile } from "../../../api/profile";
import { ErrorAlert } from "../../../components/ErrorAlert";
import { formatJson } from "../../../components/json";
import { useText } from "../../../i18n/text";
import type { Draft } from "../../../mapping/draft";
import { profileName } from "../../../resources/profiles";
import catalogue from "./messages";

/** Profiles whose records are listed, and records of each. */
const mostProfiles = 10;
const mostRecords = 20;

interface Found {
  id: string;
  name: string | undefined;
  record: string;
}

/** Finds the records of an object type by a key of their profile. */
export function StoredModal(props: { domain: string; objectType: string; draft: Draft; onChoose: (record: string) => void; onClose: () => void }) {
  const { domain, objectType, draft, onChoose, onClose } = props;
  const t = useText(catalogue);
  const keys = [...new Set([...draft.keys.map((k) => k.name), "_email", "_phone", "_account", "_fullName", "_profileId"])].filter((k) => k !== "");
  const [key, setKey] = useState(keys[0] ?? "_email");
  const [value, setValue] = useState("");
  const [wanted, setWanted] = useState<{ key: string; value: string }>();
  const search = useQuery({
    queryKey: ["profile", "storedRecords", domain, objectType, wanted],
    enabled: wanted !== undefined,
    gcTime: 0,
    queryFn: ({ signal }) => findRecords(domain, objectType, wanted?.key ?? "", wanted?.value ?? "", signal),
  });
  return (
    <Modal
      visible
      size="large"
      header={t("storedTitle")}
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
      <SpaceBetween size="l">
        <form
          onSubmit={(e) => {
            e.preventDefault();
            if (key !== "" && value !== "") setWanted({ key, value });
          }}
        >
          <SpaceBetween size="m">
            <div>{t("searchFirst")}</div>
            <ColumnLayout columns={2}>
              <FormField label={t("key")} stretch>
                <Autosuggest
                  value={key}
                  options={keys.map((k) => ({ value: k }))}
                  filteringType="none"
                  hideEnteredTextOption
                  disableBrowserAutocorrect
                  clearAriaLabel={t("clear")}
                  onChange={({ detail }) => setKey(detail.value)}
                />
              </FormField>
              <FormField label={t("value")} stretch>
                <Input value={value} onChange={({ detail }) => setValue(detail.value)} spellcheck={false} autoComplete={false} />
              </FormField>
            </ColumnLayout>
            <Button loading={search.isFetching}>{t("search")}</Button>
          </SpaceBetween>
        </form>
        {search.error && <ErrorAlert error={search.error} onRetry={() => void search.refetch()} />}
        {search.data?.more && <Alert type="info">{t("onlySome")}</Alert>}
        {wanted && !search.error && (
          <Table<Found>
            variant="embedded"
            wrapLines
            header={<Header variant="h3">{t("found")}</Header>}
            ariaLabels={{ tableLabel: t("found") }}
            loading={search.isPending}
            loadingText={t("loading")}
            items={search.data?.records ?? []}
            trackBy="id"
            empty={search.data?.profiles === 0 ? t("noProfile") : t("noObjects")}
            columnDefinitions={[
              { id: "profile", header: t("profile"), isRowHeader: true, cell: (r) => r.name ?? t("unnamed"), width: 180 },
              { id: "record", header: t("record"), cell: (r) => <Excerpt text={r.record} /> },
              {
                id: "use",
                header: t("use"),
                width: 110,
                cell: (r) => (
                  <Button ariaLabel={t("useThe", { record: r.record.slice(0, 40) })} onClick={() => onChoose(formatJson(r.record))}>
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

/** The beginning of a record. */
export function Excerpt({ text }: { text: string }) {
  return <span style={{ overflowWrap: "anywhere" }}>{text.length > 160 ? text.slice(0, 160) + "…" : text}</span>;
}

async function findRecords(domain: string, objectType: string, key: string, value: string, signal: AbortSignal): Promise<{ profiles: number; more: boolean; records: Found[] }> {
  const found = await profile().send(new SearchProfilesCommand({ DomainName: domain, KeyName: key, Values: [value], MaxResults: mostProfiles }), { abortSignal: signal });
  const profiles = found.Items ?? [];
  const lists = await Promise.all(
    profiles.map(async (p) => {
      const out = await profile().send(new ListProfileObjectsCommand({ DomainName: domain, ObjectTypeName: objectType, ProfileId: p.ProfileId, MaxResults: mostRecords }), { abortSignal: signal });
      const records = (out.Items ?? []).map((o) => ({ id: `${p.ProfileId} ${o.ProfileObjectUniqueKey}`, name: profileName(p), record: o.Object ?? "" }));
      return { records, more: out.NextToken !== undefined };
    }),
  );
  return { profiles: profiles.length, more: found.NextToken !== undefined || lists.some((l) => l.more), records: lists.flatMap((l) => l.records) };
}
