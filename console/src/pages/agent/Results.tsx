import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useEffect, useRef } from "react";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { profileName } from "../../resources/profiles";
import { type Found, mostFound } from "./data";
import catalogue from "./messages";

/** A search, and what came of it. */
export interface Outcome {
  /** What was searched for, as people would say it. */
  text: string;
  found: readonly Found[] | undefined;
  error: unknown;
}

/** What a search has found, from which one goes on to a profile. */
export function Results({ outcome, searching, onOpen, onRetry, onCreate }: { outcome: Outcome | undefined; searching: boolean; onOpen: (id: string) => void; onRetry: () => void; onCreate: (() => void) | undefined }) {
  const t = useText(catalogue);
  const place = useRef<HTMLDivElement>(null);
  const found = outcome?.found;
  // The first result is a key press away.
  useEffect(() => {
    if (found && found.length > 0) place.current?.querySelector<HTMLElement>("tbody a, tbody button")?.focus();
  }, [found]);
  if (outcome?.error) return <ErrorAlert error={outcome.error} onRetry={onRetry} />;
  if (!outcome && !searching) {
    return (
      <Box textAlign="center" padding="xl" color="text-body-secondary">
        <Box variant="h3" color="inherit">
          {t("startTitle")}
        </Box>
        <Box variant="p" color="inherit">
          {t("startText")}
        </Box>
      </Box>
    );
  }
  const create = onCreate && <Button onClick={onCreate}>{t("newProfile")}</Button>;
  return (
    <div ref={place}>
      <SpaceBetween size="m">
        {found && found.length >= mostFound && <Alert type="info">{t("foundMore", { count: mostFound })}</Alert>}
        <Table<Found>
          variant="container"
          header={
            <Header variant="h2" counter={found && `(${found.length})`}>
              {t("results")}
            </Header>
          }
          loading={found === undefined}
          loadingText={t("find")}
          items={[...(found ?? [])]}
          trackBy="id"
          wrapLines
          ariaLabels={{ tableLabel: t("results") }}
          empty={
            <Box margin={{ vertical: "s" }} textAlign="center" color="inherit">
              <SpaceBetween size="xs" alignItems="center">
                <Box variant="strong" color="inherit">
                  {t("nothingFound", { text: outcome?.text ?? "" })}
                </Box>
                <Box variant="p" color="inherit">
                  {t("nothingFoundText")}
                </Box>
                {create}
              </SpaceBetween>
            </Box>
          }
          columnDefinitions={[
            {
              id: "name",
              header: t("name"),
              isRowHeader: true,
              cell: (f) => (
                <Link
                  href={`?profileId=${f.id}`}
                  onFollow={(e) => {
                    e.preventDefault();
                    onOpen(f.id);
                  }}
                >
                  {profileName(f.profile) ?? t("unnamed", { id: f.id.slice(-6) })}
                </Link>
              ),
            },
            { id: "reach", header: t("reach"), cell: (f) => [f.profile.PhoneNumber ?? f.profile.MobilePhoneNumber, f.profile.EmailAddress ?? f.profile.PersonalEmailAddress].filter(Boolean).join(" · ") || t("nothing") },
            { id: "account", header: t("account"), cell: (f) => f.profile.AccountNumber ?? t("nothing") },
            { id: "city", header: t("city"), cell: (f) => f.profile.Address?.City ?? t("nothing") },
            // Those of a contact were not searched for.
            ...(found?.some((f) => f.by.length > 0) ? [{ id: "by", header: t("foundBy"), cell: (f: Found) => [...new Set(f.by.map((c) => c.name))].join(", ") }] : []),
          ]}
        />
      </SpaceBetween>
    </div>
  );
}
