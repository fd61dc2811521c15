import { useParams } from "react-router";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { AppButton } from "../../components/AppButton";
import { useText } from "../../i18n/text";
import { useConnection } from "../../resources/domains";
import { useInstance } from "../../resources/instances";
import { EnabledDomain } from "./EnabledDomain";
import { Landing } from "./Landing";
import catalogue from "./messages";

/** Customer profiles of an instance: what there is, or how to enable them. */
export default function CustomerProfilesPage() {
  const t = useText(catalogue);
  const { instanceId = "" } = useParams();
  const instance = useInstance(instanceId);
  const connection = useConnection(instance.data?.Arn);
  const name = instance.data?.InstanceAlias ?? t("instance");
  const error = instance.error ?? connection.error;
  const domain = connection.data?.DomainName;
  const enable = `/console/instances/${instanceId}/customer-profiles/enable`;
  return (
    <Page
      title={t("title")}
      subject={name}
      description={t("intro")}
      crumbs={[
        { text: t("instances"), href: "/console/instances" },
        { text: name, href: `/console/instances/${instanceId}` },
      ]}
      actions={
        connection.data !== undefined &&
        (domain ? (
          <AppButton href={enable}>{t("changeDomain")}</AppButton>
        ) : (
          <AppButton variant="primary" href={enable}>
            {t("enable")}
          </AppButton>
        ))
      }
    >
      {error ? (
        <ErrorAlert error={error} onRetry={() => void (instance.error ? instance.refetch() : connection.refetch())} />
      ) : connection.data === undefined ? (
        <Loading />
      ) : domain ? (
        <EnabledDomain name={domain} instanceArn={instance.data?.Arn ?? ""} />
      ) : (
        <Landing />
      )}
    </Page>
  );
}
