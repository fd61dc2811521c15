import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import LiveRegion from "@cloudscape-design/components/live-region";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { useProfileNames } from "../../resources/profiles";
import type { LiveContact } from "./arrivals";
import catalogue from "./messages";
import type { StreamState } from "./useArrivals";

const streams: Readonly<Record<Exclude<StreamState, "off">, StatusIndicatorProps.Type>> = { connecting: "loading", live: "success", broken: "warning", denied: "error" };
const states: Readonly<Record<LiveContact["state"], StatusIndicatorProps.Type>> = { ARRIVED: "in-progress", CONNECTED: "success", ENDED: "stopped" };

/** A contact in words: Voice from +1 206 555 0100. */
export function useContactTitle(): (c: LiveContact) => string {
  const t = useText(catalogue);
  return (c) => {
    const channel = c.channel && c.channel in catalogue ? t(c.channel as "VOICE") : (c.channel ?? t("CHAT"));
    return c.customerEndpoint ? t("contactFrom", { channel, address: c.customerEndpoint.address }) : t("contactOf", { channel });
  };
}

/** The contacts of an instance as they arrive, each with its profile, none, or several to choose from. */
export function Arrivals({ domain, contacts, state, present, onChoose }: { domain: string; contacts: readonly LiveContact[]; state: StreamState; present: string | undefined; onChoose: (c: LiveContact) => void }) {
  const t = useText(catalogue);
  const title = useContactTitle();
  const { data: names } = useProfileNames(
    domain,
    contacts.flatMap((c) => c.profileIds.slice(0, 1)),
  );
  const who = (c: LiveContact): string => {
    const [first] = c.profileIds;
    if (first === undefined) return t("noProfile");
    if (c.profileIds.length > 1 && !c.associatedProfileId) return t("chooseOf", { count: c.profileIds.length });
    return names?.get(first) ?? t("unnamed", { id: first.slice(-6) });
  };
  return (
    <Container
      header={
        <Header variant="h2" info={state === "off" ? undefined : <StatusIndicator type={streams[state]}>{t(`stream_${state}`)}</StatusIndicator>}>
          {t("arrivals")}
        </Header>
      }
    >
      {contacts.length === 0 ? (
        <Box textAlign="center" color="text-body-secondary" padding={{ vertical: "s" }}>
          <Box variant="strong" color="inherit">
            {t("noArrivals")}
          </Box>
          <Box variant="p" color="inherit">
            {t("noArrivalsText")}
          </Box>
        </Box>
      ) : (
        <ul className="kindred-arrivals" aria-label={t("arrivals")}>
          {contacts.map((c) => (
            <li key={c.contactId} data-contact={c.contactId} data-present={c.contactId === present}>
              <SpaceBetween size="xxs">
                <Box variant="strong">{title(c)}</Box>
                <StatusIndicator type={states[c.state]}>{t(c.state)}</StatusIndicator>
                {c.initiationTimestamp && (
                  <Box variant="small">
                    <Time at={new Date(c.initiationTimestamp)} />
                    {c.queueName && ` · ${c.queueName}`}
                  </Box>
                )}
                <Button variant="inline-link" ariaLabel={`${t("openContact", { name: who(c) })}, ${title(c)}`} onClick={() => onChoose(c)}>
                  {who(c)}
                </Button>
                {c.profilesProblem && <StatusIndicator type="warning">{c.profilesProblem}</StatusIndicator>}
              </SpaceBetween>
            </li>
          ))}
        </ul>
      )}
      {contacts[0]?.state === "ARRIVED" && <LiveRegion hidden>{`${title(contacts[0])}: ${who(contacts[0])}`}</LiveRegion>}
    </Container>
  );
}
