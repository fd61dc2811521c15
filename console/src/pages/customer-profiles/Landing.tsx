import Alert from "@cloudscape-design/components/alert";
import Cards from "@cloudscape-design/components/cards";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useText } from "../../i18n/text";
import catalogue from "./messages";

/** Every source that this build takes in; nothing that it does not. */
const sources = [
  { title: "appContacts", text: "appContactsText" },
  { title: "appFirehose", text: "appFirehoseText" },
  { title: "appFiles", text: "appFilesText" },
  { title: "appApi", text: "appApiText" },
] as const;

/** The page while no domain is enabled. */
export function Landing() {
  const t = useText(catalogue);
  return (
    <SpaceBetween size="l">
      <Alert type="info" header={t("notEnabled")}>
        {t("notEnabledText")}
      </Alert>
      <Cards<(typeof sources)[number]>
        header={<Header variant="h2">{t("applications")}</Header>}
        items={sources}
        trackBy="title"
        cardsPerRow={[{ cards: 1 }, { minWidth: 600, cards: 2 }]}
        cardDefinition={{ header: (s) => t(s.title), sections: [{ id: "text", content: (s) => t(s.text) }] }}
      />
    </SpaceBetween>
  );
}
