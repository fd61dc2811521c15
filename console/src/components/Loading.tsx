import Box from "@cloudscape-design/components/box";
import Spinner from "@cloudscape-design/components/spinner";
import LiveRegion from "@cloudscape-design/components/live-region";
import { useText } from "../i18n/text";
import catalogue from "./messages";

/** Stands for what is on its way. */
export function Loading() {
  const t = useText(catalogue);
  return (
    <LiveRegion>
      <Box padding="l" textAlign="center" color="text-body-secondary">
        <Spinner /> {t("loading")}
      </Box>
    </LiveRegion>
  );
}
