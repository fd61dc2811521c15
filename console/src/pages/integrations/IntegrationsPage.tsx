import { useParams } from "react-router";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { Instances } from "./Instances";
import catalogue from "./messages";
import { OtherWays } from "./OtherWays";

/** Where a domain's records come from: what is connected, and how to connect more. */
export default function IntegrationsPage() {
  const t = useText(catalogue);
  const { domainName = "" } = useParams();
  return (
    <Page title={t("title")} subject={domainName} description={t("description")} crumbs={[{ text: domainName, href: `/console/domains/${domainName}` }]}>
      <Instances domain={domainName} />
      <OtherWays domain={domainName} />
    </Page>
  );
}
