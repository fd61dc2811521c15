import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import { useText } from "../i18n/text";
import catalogue from "./messages";

/** A text that people copy, such as an ARN, with a button that does. name says what it is, for those who do not see it. */
export function CopyText({ text, name }: { text: string; name: string }) {
  const t = useText(catalogue);
  return (
    <span style={{ overflowWrap: "anywhere" }}>
      <CopyToClipboard
        variant="inline"
        textToCopy={text}
        copyButtonAriaLabel={t("copyThing", { name })}
        copySuccessText={t("copied")}
        copyErrorText={t("notCopied")}
      />
    </span>
  );
}

/** A text of several lines, such as a policy, in a fixed-width face and with a button that copies it. */
export function CopyBlock({ text, name }: { text: string; name: string }) {
  const t = useText(catalogue);
  return (
    <div>
      <pre className="kindred-code" tabIndex={0} role="region" aria-label={name}>
        {text}
      </pre>
      <CopyToClipboard
        copyButtonText={t("copy")}
        textToCopy={text}
        copyButtonAriaLabel={t("copyThing", { name })}
        copySuccessText={t("copied")}
        copyErrorText={t("notCopied")}
      />
    </div>
  );
}
