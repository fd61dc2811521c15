import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import { useRouteError } from "react-router";
import { useText } from "../i18n/text";
import catalogue from "./messages";

// What browsers say when a page's script is not there any more: the server was
// updated while the tab was open.
const gone = /dynamically imported module|Importing a module script failed|Unable to preload/;

/** Stands for a page that broke. It shows no exception: those are for the browser's console. */
export function PageError() {
  const t = useText(catalogue);
  const error = useRouteError();
  const updated = error instanceof Error && gone.test(error.message);
  return (
    <Box padding="l">
      <Alert
        type={updated ? "info" : "error"}
        header={t("brokenTitle")}
        action={<Button onClick={() => location.reload()}>{t("reload")}</Button>}
      >
        {t(updated ? "updated" : "broken")}
      </Alert>
    </Box>
  );
}
