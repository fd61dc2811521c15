import Alert from "@cloudscape-design/components/alert";
import { useNavigate, useParams } from "react-router";
import Button from "@cloudscape-design/components/button";
import { Page } from "../../components/Page";
import { useText } from "../../i18n/text";
import { isUploading, useCurrentUpload, useProgress } from "./current";
import catalogue from "./messages";
import { UploadForm } from "./UploadForm";
import { UploadProgress } from "./UploadProgress";

/** Brings the records of a file into a domain. */
export default function UploadPage() {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const { domainName = "" } = useParams();
  const current = useCurrentUpload();
  useProgress(current?.upload); // whether it is finished
  const here = current?.domain === domainName;
  return (
    <Page title={t("title")} subject={domainName} description={t("description")} crumbs={[{ text: domainName, href: `/console/domains/${domainName}` }]}>
      {current && here ? (
        <UploadProgress current={current} />
      ) : (
        <>
          {current && isUploading() && (
            <Alert type="info" action={<Button onClick={() => void navigate(`/console/domains/${current.domain}/upload`)}>{t("goThere")}</Button>}>
              {t("another", { file: current.upload.file.name, domain: current.domain })}
            </Alert>
          )}
          <UploadForm domain={domainName} />
        </>
      )}
    </Page>
  );
}
