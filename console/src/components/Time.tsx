import { useFormat } from "../i18n/format";
import { useText } from "../i18n/text";
import catalogue from "./messages";

/** A point in time, to the minute in the user's language and time zone; to the second when pointed at. */
export function Time({ at }: { at: Date | undefined }) {
  const { dateTime, exact } = useFormat();
  const t = useText(catalogue);
  if (!at) return <>{t("nothing")}</>;
  return (
    <time dateTime={at.toISOString()} title={exact(at)} style={{ whiteSpace: "nowrap" }}>
      {dateTime(at)}
    </time>
  );
}
