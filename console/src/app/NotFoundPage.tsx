import Box from "@cloudscape-design/components/box";
import { Page } from "../components/Page";
import { AppLink } from "../components/AppLink";
import { useText } from "../i18n/text";
import catalogue from "./messages";

/** Shown for an address that no page has. */
export default function NotFoundPage() {
  const t = useText(catalogue);
  return (
    <Page title={t("notFoundTitle")}>
      <Box>{t("notFound")}</Box>
      <AppLink href="/console/instances">{t("toInstances")}</AppLink>
    </Page>
  );
}
