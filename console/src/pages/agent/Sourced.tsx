import Tooltip from "@cloudscape-design/components/tooltip";
import { useRef, useState } from "react";
import type { GetProfileProvenanceResponse, ProvenanceField } from "../../api/kindred.types";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import catalogue from "./messages";

/** A principal's name, without what its ARN has before it. */
export const whoIs = (arn: string | undefined): string | undefined => arn?.split(/[:/]/).pop();

/** Where the values of a profile come from, if that is known by now. */
export type Sources = GetProfileProvenanceResponse | undefined | null;

/** Of the sources of a field or of what is below it, the one that decides: the latest. */
export function sourceOf(sources: GetProfileProvenanceResponse, path: string): ProvenanceField | undefined {
  const below = sources.Fields.filter((f) => f.Field === path || f.Field.startsWith(`${path}.`) || `${f.Field}String` === path);
  return below.sort((a, b) => b.Time.getTime() - a.Time.getTime())[0];
}

/** Other values that are named in a tooltip, at most. */
const named = 3;

/**
 * A value that tells where it comes from when it is pointed at or focused. sources is null
 * where the user may not know; want is called when they are looked at for the first time.
 */
export function Sourced({ path, label, sources, want, children }: { path: string; label: string; sources: Sources; want: () => void; children: string }) {
  const t = useText(catalogue);
  const track = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  if (sources === null) return <span style={{ overflowWrap: "anywhere" }}>{children}</span>;
  const show = (): void => {
    want();
    setOpen(true);
  };
  return (
    <>
      <button
        ref={track}
        type="button"
        className="kindred-sourced"
        aria-label={t("sourceOf", { field: label, value: children })}
        onMouseEnter={show}
        onMouseLeave={() => setOpen(false)}
        onFocus={show}
        onBlur={() => setOpen(false)}
      >
        {children}
      </button>
      {open && <Tooltip position="top" getTrack={() => track.current} onEscape={() => setOpen(false)} content={<Source sources={sources} path={path} />} />}
    </>
  );
}

function Source({ sources, path }: { sources: GetProfileProvenanceResponse | undefined; path: string }) {
  const t = useText(catalogue);
  const { dateTime } = useFormat();
  if (!sources) return <>{t("sourceLoading")}</>;
  const source = sourceOf(sources, path);
  if (!source) return <>{t("sourceUnknown")}</>;
  const { Kind, ObjectTypeName = "", PerformedBy, Time, MergeId, Displaced, DisplacedCount } = source;
  const who = whoIs(PerformedBy);
  const from =
    Kind === "OBJECT" ? t("fromObject", { type: ObjectTypeName }) : Kind === "EVICTED" ? t("fromEvicted", { type: ObjectTypeName }) : who ? t("fromPerson", { who }) : t("fromManual");
  const values = Displaced.map((d) => d.Value ?? d.Values?.join(", ") ?? t("nothing")).slice(0, named);
  return (
    <>
      <div>
        {from}, {dateTime(Time)}
      </div>
      {MergeId && <div>{t("throughMerge")}</div>}
      {DisplacedCount > 0 && <div>{t("insteadOf", { count: DisplacedCount, values: values.join(" · ") + (DisplacedCount > values.length ? " …" : "") })}</div>}
    </>
  );
}
