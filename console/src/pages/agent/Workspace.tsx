import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import Input, { type InputProps } from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { type Profile } from "@aws-sdk/client-customer-profiles";
import { type FormEvent, type ReactNode, useCallback, useEffect, useEffectEvent, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useFrame } from "../../app/frame";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { recall, remember } from "../../preferences/storage";
import { domainArn } from "../../resources/domains";
import { useDefinitions } from "../../resources/objecttypes";
import { useProfileNames } from "../../resources/profiles";
import { useSession } from "../../session/useSession";
import { Arrivals, useContactTitle } from "./Arrivals";
import type { LiveContact } from "./arrivals";
import { readProfiles, search, usePermissions } from "./data";
import catalogue from "./messages";
import { useAllowedOrigins, useInstanceChoices } from "./places";
import { asks, type Pop, popOfMessage } from "./pop";
import { ProfileModal } from "./ProfileModal";
import { ProfileView } from "./ProfileView";
import { type Clue, clues } from "./question";
import { Results } from "./Results";
import { useArrivals } from "./useArrivals";
import { useSearch } from "./useSearch";

/** The tab of what was searched for. */
const resultsTab = "results";

/** Open profiles at most; the one that was opened first gives way. */
const mostOpen = 8;

interface Tab {
  id: string;
  name: string | undefined;
}

/** A domain's customers, as an agent works with them. */
export function Workspace({ domain, pop, chooseDomain }: { domain: string; pop: Pop; chooseDomain: ReactNode }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const { region, accountId } = useSession();
  const permissions = usePermissions(domainArn(region, accountId, domain));
  const instances = useInstanceChoices(domain);
  const remembered = `kindred.agent.instance.${domain}`;
  const [chosen, setChosen] = useState<string | undefined>(() => {
    const last = recall(remembered);
    return pop.instanceId ?? (typeof last === "string" ? last : undefined);
  });
  // "" is the choice of none.
  const instance = chosen === "" ? undefined : (instances?.find((i) => i.value === chosen) ?? instances?.[0])?.value;
  const { contacts, state } = useArrivals(instance);
  const known = useKnownKeys(domain);
  const { outcome, searching, run, again } = useSearch(domain);

  const [text, setText] = useState("");
  const [tabs, setTabs] = useState<readonly Tab[]>([]);
  const [active, setActive] = useState(resultsTab);
  const [present, setPresent] = useState<string | undefined>();
  const [joined, setJoined] = useState<ReadonlyMap<string, string>>(new Map());
  const [creating, setCreating] = useState<Partial<Profile>>();
  const box = useRef<InputProps.Ref>(null);

  const open = useCallback((id: string): void => {
    setTabs((list) => (list.some((p) => p.id === id) ? list : [...list, { id, name: undefined }].slice(-mostOpen)));
    setActive(id);
  }, []);
  const close = useCallback((id: string): void => {
    setTabs((list) => list.filter((p) => p.id !== id));
    setActive((a) => (a === id ? resultsTab : a));
  }, []);
  const onName = useCallback((id: string, name: string): void => {
    setTabs((list) => (list.some((p) => p.id === id && p.name !== name) ? list.map((p) => (p.id === id ? { id, name } : p)) : list));
  }, []);

  /** Searches; one that is found alone is opened at once. */
  const find = async (words: string, by: readonly Clue[]): Promise<void> => {
    setActive(resultsTab);
    const found = await run(words, (signal) => search(domain, by, signal));
    const [only, ...others] = found ?? [];
    if (only && others.length === 0) open(only.id);
  };
  const submit = (e: FormEvent): void => {
    e.preventDefault();
    const by = clues(text, known);
    if (by.length > 0) void find(text.trim(), by);
  };
  const show = (p: Pop): void => {
    if (p.contactId) setPresent(p.contactId);
    if (p.instanceId) setChosen(p.instanceId);
    const first = p.clues[0];
    if (p.profileId) open(p.profileId);
    else if (first) {
      setText(first.value);
      void find(p.clues.map((c) => c.value).join(", "), p.clues);
    } else if (p.contactId) void find(p.contactId, [{ name: "_ctrContactId", value: p.contactId }]);
  };
  const choose = async (c: LiveContact): Promise<void> => {
    setPresent(c.contactId);
    const [only] = c.profileIds;
    if (c.associatedProfileId ?? (c.profileIds.length === 1 && only)) {
      open(c.associatedProfileId ?? only ?? "");
      return;
    }
    setActive(resultsTab);
    await run(c.customerEndpoint?.address ?? c.contactId, (signal) => readProfiles(domain, c.profileIds, signal));
  };

  // What the address asks for, when the page is opened; what messages ask for, then.
  const begin = useEffectEvent(() => {
    if (asks(pop)) show(pop);
    else box.current?.focus();
  });
  useEffect(() => {
    const timer = setTimeout(begin);
    return () => clearTimeout(timer);
  }, []);
  const origins = useAllowedOrigins();
  const onMessage = useEffectEvent((e: MessageEvent<unknown>) => {
    const asked = popOfMessage(e.origin, e.data, origins);
    if (asked && (asked.domain === undefined || asked.domain === domain)) show(asked);
  });
  const onKey = useEffectEvent((e: KeyboardEvent) => {
    const at = e.target instanceof HTMLElement ? e.target : undefined;
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || at?.closest("input, textarea, [contenteditable], [role=dialog], [role=combobox]")) return;
    e.preventDefault();
    box.current?.focus();
    box.current?.select();
  });
  useEffect(() => {
    const message = (e: MessageEvent<unknown>): void => onMessage(e);
    const key = (e: KeyboardEvent): void => onKey(e);
    addEventListener("message", message);
    addEventListener("keydown", key);
    return () => {
      removeEventListener("message", message);
      removeEventListener("keydown", key);
    };
  }, []);
  useAddress({ domain, profileId: active === resultsTab ? undefined : active, contactId: present });

  const contact = contacts.find((c) => c.contactId === present);
  const associated = present === undefined ? undefined : (joined.get(present) ?? contact?.associatedProfileId);
  const newOne = permissions.create ? () => setCreating(knownOf(contact, text)) : undefined;
  const now = tabs.find((p) => p.id === active);

  return (
    <Page title={t("title")} headless>
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="s" alignItems="end">
            {chooseDomain}
            {instances && instances.length > 0 && (
              <FormField label={t("instance")}>
                <Select
                  selectedOption={instances.find((i) => i.value === instance) ?? { value: "", label: t("noInstance") }}
                  options={[...instances, { value: "", label: t("noInstance") }]}
                  onChange={({ detail }) => {
                    remember(remembered, detail.selectedOption.value);
                    setChosen(detail.selectedOption.value);
                  }}
                />
              </FormField>
            )}
            {newOne && <Button onClick={newOne}>{t("newProfile")}</Button>}
          </SpaceBetween>
        }
      >
        {t("title")}
      </Header>
      <form onSubmit={submit} role="search">
        <FormField label={t("search")} constraintText={t("searchHint")} stretch>
          <div className="kindred-select">
            <Input ref={box} type="search" value={text} placeholder={t("searchPlaceholder")} spellcheck={false} autoComplete={false} onChange={({ detail }) => setText(detail.value)} />
            <Button formAction="submit" variant="primary" iconName="search" loading={searching}>
              {t("find")}
            </Button>
          </div>
        </FormField>
      </form>
      {present !== undefined && <PresentContact domain={domain} id={present} contact={contact} associated={associated} onLeave={() => setPresent(undefined)} />}
      <Grid gridDefinition={instance ? [{ colspan: { default: 12, m: 3 } }, { colspan: { default: 12, m: 9 } }] : [{ colspan: 12 }]}>
        {instance && <Arrivals domain={domain} contacts={contacts} state={state} present={present} onChoose={(c) => void choose(c)} />}
        <Tabs
          ariaLabel={t("openProfiles")}
          activeTabId={now ? active : resultsTab}
          onChange={({ detail }) => setActive(detail.activeTabId)}
          tabs={[
            { id: resultsTab, label: t("results"), content: <Results outcome={outcome} searching={searching} onOpen={open} onRetry={again} onCreate={newOne} /> },
            ...tabs.map(({ id, name }) => ({
              id,
              label: name ?? t("unnamed", { id: id.slice(-6) }),
              dismissible: true,
              dismissLabel: t("closeTab", { name: name ?? id.slice(-6) }),
              onDismiss: () => close(id),
              content: (
                <ProfileView
                  key={id}
                  domain={domain}
                  id={id}
                  open={tabs.map((p) => p.id)}
                  permissions={permissions}
                  contact={present === undefined ? undefined : { id: present, associated }}
                  onAssociated={(contactId, profileId) => setJoined((m) => new Map(m).set(contactId, profileId))}
                  onName={onName}
                  onOpen={open}
                  onClose={close}
                />
              ),
            })),
          ]}
        />
      </Grid>
      {creating && (
        <ProfileModal
          domain={domain}
          before={creating}
          onDone={(id, name) => {
            notify({ type: "success", text: t("created", { name }) });
            open(id);
          }}
          onClose={() => setCreating(undefined)}
        />
      )}
    </Page>
  );
}

/** The contact that the agent is on. */
function PresentContact({ domain, id, contact, associated, onLeave }: { domain: string; id: string; contact: LiveContact | undefined; associated: string | undefined; onLeave: () => void }) {
  const t = useText(catalogue);
  const title = useContactTitle();
  const { data: names } = useProfileNames(domain, associated ? [associated] : []);
  return (
    <Alert
      type="info"
      header={`${t("contactChosen")}: ${contact ? title(contact) : t("contactUnknown", { id: id.slice(-6) })}`}
      action={<Button onClick={onLeave}>{t("leaveContact")}</Button>}
    >
      <Box variant="span" color="inherit">
        {associated ? t("belongs", { name: names?.get(associated) ?? t("unnamed", { id: associated.slice(-6) }) }) : t("belongsToNobody")}
      </Box>
    </Alert>
  );
}

/** The keys that the domain's object types have, if the user may see them. */
function useKnownKeys(domain: string): string[] {
  const { data } = useDefinitions(domain);
  return [...new Set([...(data?.values() ?? [])].flatMap((d) => Object.keys(d.Keys ?? {})))];
}

/** What is known of somebody who has no profile yet. */
function knownOf(contact: LiveContact | undefined, text: string): Partial<Profile> {
  const { address = "", type = "" } = contact?.customerEndpoint ?? {};
  if (type === "TELEPHONE_NUMBER") return { PhoneNumber: address };
  if (type === "EMAIL_ADDRESS") return { EmailAddress: address };
  const [first] = clues(text);
  if (first?.name === "_phone") return { PhoneNumber: first.value };
  if (first?.name === "_email") return { EmailAddress: first.value };
  if (first?.name === "_fullName") {
    const words = first.value.split(" ");
    const last = words.length > 1 ? words.pop() : undefined;
    return { FirstName: words.join(" "), ...(last && { LastName: last }) };
  }
  return {};
}

/** Keeps in the address what is open, so that a reload comes back to it. */
function useAddress({ domain, profileId, contactId }: { domain: string; profileId: string | undefined; contactId: string | undefined }): void {
  const [, setQuery] = useSearchParams();
  const replace = useEffectEvent((query: URLSearchParams) => setQuery(query, { replace: true, preventScrollReset: true }));
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false; // what a softphone has asked for is still on its way
      return;
    }
    replace(new URLSearchParams({ domain, ...(profileId && { profileId }), ...(contactId && { contactId }) }));
  }, [domain, profileId, contactId]);
}

