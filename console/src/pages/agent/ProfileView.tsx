import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useFrame } from "../../app/frame";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { useText } from "../../i18n/text";
import { profileName } from "../../resources/profiles";
import { associate, type Permissions, profilesChanged, successor, useProfile } from "./data";
import { Facts } from "./Facts";
import { MergeModal } from "./MergeModal";
import catalogue from "./messages";
import { HistoryPart, MergesPart } from "./Past";
import { ProfileModal } from "./ProfileModal";
import { ContactsPart, OthersPart, StandardPart } from "./Records";

/** A profile in the workspace: who it is, and what belongs to it. */
export function ProfileView(props: {
  domain: string;
  id: string;
  /** Profiles of the other tabs. */
  open: readonly string[];
  permissions: Permissions;
  /** The present contact, and the profile that it belongs to. */
  contact: { id: string; associated: string | undefined } | undefined;
  onAssociated: (contactId: string, profileId: string) => void;
  /** What the profile is called has become known, or has changed. */
  onName: (id: string, name: string) => void;
  onOpen: (id: string) => void;
  /** Profiles that are not there any more. */
  onClose: (id: string) => void;
}) {
  const { domain, id, open, permissions, contact, onAssociated, onName, onOpen, onClose } = props;
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const { data: profile, error, refetch } = useProfile(domain, id);
  const [modal, setModal] = useState<"edit" | "merge">();
  const heading = useRef<HTMLDivElement>(null);
  const name = profile ? (profileName(profile) ?? t("unnamed", { id: id.slice(-6) })) : undefined;
  useEffect(() => {
    if (name) onName(id, name);
  }, [id, name, onName]);
  // Whoever has opened a profile reads on there.
  const painted = name !== undefined;
  useEffect(() => {
    if (painted) heading.current?.focus({ preventScroll: true });
  }, [painted]);
  const join = useMutation({
    mutationFn: async (contactId: string) => {
      await associate(domain, id, contactId);
      return contactId;
    },
    onSuccess: async (contactId) => {
      onAssociated(contactId, id);
      notify({ type: "success", text: t("associated", { name: name ?? "" }) });
      await profilesChanged(queries, domain, id);
    },
  });

  if (error) return <ErrorAlert error={error} onRetry={() => void refetch()} />;
  if (profile === undefined) return <Loading />;
  if (profile === null || name === undefined) return <Gone domain={domain} id={id} onOpen={onOpen} />;
  const isAssociated = contact?.associated === id;
  const part = { domain, id };
  return (
    <SpaceBetween size="l">
      <div ref={heading} tabIndex={-1} className="kindred-focus-start" data-profile={id}>
        <Header
          variant="h2"
          info={
            <SpaceBetween direction="horizontal" size="xs">
              {profile.PartyTypeString ?? profile.PartyType ? <Badge>{profile.PartyTypeString ?? profile.PartyType}</Badge> : null}
              {isAssociated && <Badge color="green">{t("isAssociated")}</Badge>}
            </SpaceBetween>
          }
          description={[profile.PhoneNumber ?? profile.MobilePhoneNumber, profile.EmailAddress ?? profile.PersonalEmailAddress, profile.AccountNumber].filter(Boolean).join(" · ")}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {contact && !isAssociated && permissions.associate && (
                <Button variant="primary" iconName="call" loading={join.isPending} onClick={() => join.mutate(contact.id)}>
                  {t("associate")}
                </Button>
              )}
              {permissions.merge && <Button onClick={() => setModal("merge")}>{t("merge")}</Button>}
              {permissions.edit && <Button onClick={() => setModal("edit")}>{t("edit")}</Button>}
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      </div>
      {join.error && <ErrorAlert error={join.error} />}
      <Facts domain={domain} id={id} profile={profile} mayAskSources={permissions.provenance} />
      <Tabs
        ariaLabel={name}
        tabs={[
          { id: "contacts", label: t("contacts"), content: <ContactsPart {...part} /> },
          { id: "orders", label: t("orders"), content: <StandardPart {...part} kind="orders" key="orders" /> },
          { id: "cases", label: t("cases"), content: <StandardPart {...part} kind="cases" key="cases" /> },
          { id: "assets", label: t("assets"), content: <StandardPart {...part} kind="assets" key="assets" /> },
          { id: "others", label: t("others"), content: <OthersPart {...part} /> },
          ...(permissions.history ? [{ id: "history", label: t("history"), content: <HistoryPart {...part} /> }] : []),
          ...(permissions.lineage ? [{ id: "merges", label: t("merges"), content: <MergesPart {...part} mayUndo={permissions.unmerge} /> }] : []),
        ]}
      />
      {modal === "edit" && (
        <ProfileModal
          {...part}
          before={profile}
          onDone={(_, changed) => {
            notify({ type: "success", text: t("saved", { name: changed }) });
            void profilesChanged(queries, domain, id);
          }}
          onClose={() => setModal(undefined)}
        />
      )}
      {modal === "merge" && (
        <MergeModal
          {...part}
          profile={profile}
          open={open}
          onDone={(other) => {
            notify({ type: "success", text: t("mergedDone", { name }) });
            onClose(other);
            void profilesChanged(queries, domain, id, other);
          }}
          onClose={() => setModal(undefined)}
        />
      )}
    </SpaceBetween>
  );
}

/** A profile that is not there: what became of it, as far as it can be told. */
function Gone({ domain, id, onOpen }: { domain: string; id: string; onOpen: (id: string) => void }) {
  const t = useText(catalogue);
  const { data: next } = useQuery({ queryKey: ["profile", "workspace", domain, id, "successor"], queryFn: async () => (await successor(domain, id)) ?? null });
  return (
    <Alert type="warning" header={next ? t("mergedInto") : t("gone")} action={next && <Button onClick={() => onOpen(next)}>{t("openSuccessor")}</Button>}>
      {next ? null : <Box variant="span" color="inherit">{t("goneText")}</Box>}
    </Alert>
  );
}
