import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect } from "react";
import { useBlocker } from "react-router";
import { useText } from "../i18n/text";
import catalogue from "./messages";

/** The state of a navigation that follows saving, and is not asked about. */
export const afterSaving = { saved: true } as const;

/** Asks before a page with changes is left, by a link or with the tab. */
export function Unsaved({ when }: { when: boolean }) {
  const t = useText(catalogue);
  const blocker = useBlocker(({ currentLocation, nextLocation }) => {
    const { saved } = (nextLocation.state ?? {}) as { saved?: unknown };
    return when && saved !== true && currentLocation.pathname !== nextLocation.pathname;
  });
  useEffect(() => {
    if (!when) return undefined;
    const ask = (e: BeforeUnloadEvent): void => e.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [when]);
  if (blocker.state !== "blocked") return null;
  return (
    <Modal
      visible
      header={t("unsavedTitle")}
      closeAriaLabel={t("closeDialog")}
      onDismiss={() => blocker.reset()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => blocker.reset()}>
              {t("stay")}
            </Button>
            <Button variant="primary" onClick={() => blocker.proceed()}>
              {t("leave")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      {t("unsavedText")}
    </Modal>
  );
}
