import type { Profile } from "@aws-sdk/client-customer-profiles";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import RadioButton from "@cloudscape-design/components/radio-button";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { profileName } from "../../resources/profiles";
import { type Found, mergeProfiles, readProfiles, search } from "./data";
import { useFieldName } from "./fields";
import { type Contest, contests, isOpen, type Side, sourceIds, winner } from "./merging";
import catalogue from "./messages";
import { clues } from "./question";

/** Merges another profile into one, and shows before who wins each field. */
export function MergeModal(props: { domain: string; id: string; profile: Profile; open: readonly string[]; onDone: (otherId: string) => void; onClose: () => void }) {
  const { domain, id, profile, open, onDone, onClose } = props;
  const t = useText(catalogue);
  const nameOf = (f: Found): string => profileName(f.profile) ?? t("unnamed", { id: f.id.slice(-6) });
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [other, setOther] = useState<Found>();
  const [chosen, setChosen] = useState<ReadonlyMap<string, Side>>(new Map());
  const others = open.filter((o) => o !== id);
  // Those of the other tabs, or what was searched for.
  const candidates = useQuery({
    queryKey: ["profile", "workspace", domain, "merge", id, asked, ...others],
    queryFn: async ({ signal }) => (asked ? await search(domain, clues(asked), signal) : await readProfiles(domain, others, signal)).filter((f) => f.id !== id),
  });
  const all = useMemo(() => (other ? contests(profile, other.profile) : []), [profile, other]);
  const merge = useMutation({
    mutationFn: async () => {
      if (!other) return;
      await mergeProfiles({ DomainName: domain, MainProfileId: id, ProfileIdsToBeMerged: [other.id], FieldSourceProfileIds: sourceIds(all, chosen, other.id) });
    },
    onSuccess: () => {
      onDone(other?.id ?? "");
      onClose();
    },
  });
  const find = (e?: FormEvent): void => {
    e?.preventDefault();
    setAsked(text.trim());
    setOther(undefined);
  };
  const choose = (f: Found | undefined): void => {
    setOther(f);
    setChosen(new Map());
    merge.reset();
  };
  const found = candidates.data ?? [];

  return (
    <Modal
      visible
      size="large"
      header={t("mergeTitle", { name: profileName(profile) ?? t("unnamed", { id: id.slice(-6) }) })}
      closeAriaLabel={t("close")}
      onDismiss={() => !merge.isPending && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={merge.isPending} onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button variant="primary" loading={merge.isPending} disabled={!other} onClick={() => merge.mutate()}>
              {t("merge")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="l">
        <form onSubmit={find}>
          <FormField label={t("search")} stretch>
            <div className="kindred-select">
              <Input type="search" value={text} placeholder={t("searchPlaceholder")} onChange={({ detail }) => setText(detail.value)} spellcheck={false} />
              <Button formAction="submit">{t("find")}</Button>
            </div>
          </FormField>
        </form>
        <FormField label={t("other")} description={t("otherHint")}>
          <Select
            selectedOption={other ? { value: other.id, label: nameOf(other) } : null}
            placeholder={t("chooseOther")}
            empty={t("noOther")}
            statusType={candidates.isFetching ? "loading" : "finished"}
            options={found.map((f) => ({ value: f.id, label: nameOf(f), description: [f.profile.EmailAddress, f.profile.PhoneNumber].filter(Boolean).join(" · ") }))}
            onChange={({ detail }) => choose(found.find((f) => f.id === detail.selectedOption.value))}
          />
        </FormField>
        {candidates.error && <ErrorAlert error={candidates.error} onRetry={() => void candidates.refetch()} />}
        {other && <Contests all={all} chosen={chosen} onChoose={(path, side) => setChosen(new Map(chosen).set(path, side))} mainName={profileName(profile) ?? id.slice(-6)} otherName={nameOf(other)} />}
        {merge.error && <ErrorAlert error={merge.error} />}
      </SpaceBetween>
    </Modal>
  );
}

function Contests(props: { all: readonly Contest[]; chosen: ReadonlyMap<string, Side>; onChoose: (path: string, side: Side) => void; mainName: string; otherName: string }) {
  const { all, chosen, onChoose, mainName, otherName } = props;
  const t = useText(catalogue);
  const label = useFieldName();
  const named = (c: Contest): string => (c.field ? label(c.field) : (c.attribute ?? ""));
  const cell = (c: Contest, side: Side) => {
    const wins = winner(c, chosen) === side;
    if (isOpen(c)) {
      return (
        <RadioButton name={c.path} checked={wins} onSelect={() => onChoose(c.path, side)}>
          <span style={{ overflowWrap: "anywhere" }}>{c[side]}</span>
        </RadioButton>
      );
    }
    return (
      <Box variant="span" fontWeight={wins && c[side] ? "bold" : "normal"} color={wins ? "inherit" : "text-body-secondary"}>
        <span style={{ overflowWrap: "anywhere" }}>{c[side] || t("nothing")}</span>
      </Box>
    );
  };
  return (
    <Table
      variant="embedded"
      wrapLines
      header={
        <Header variant="h3" description={all.some(isOpen) ? t("whoWinsText") : t("noDifference")}>
          {t("whoWins")}
        </Header>
      }
      ariaLabels={{ tableLabel: t("whoWins") }}
      items={[...all]}
      trackBy="path"
      columnDefinitions={[
        { id: "field", header: t("field"), cell: named, isRowHeader: true, minWidth: 120 },
        { id: "main", header: mainName, cell: (c) => cell(c, "main"), minWidth: 160 },
        { id: "other", header: otherName, cell: (c) => cell(c, "other"), minWidth: 160 },
      ]}
    />
  );
}
