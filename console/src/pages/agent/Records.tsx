import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useCallback, useMemo, useState } from "react";
import type { Pages } from "../../api/pages";
import { CopyBlock } from "../../components/CopyText";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useText } from "../../i18n/text";
import { useObjectTypes } from "../../resources/objecttypes";
import { type ProfileObject, useObjects } from "./data";
import catalogue from "./messages";
import { at, clock, contactOf, line, numberOf, type PastContact, text, time } from "./records";

interface Place {
  domain: string;
  id: string;
}

/** A list of the same items in another form. */
function mapped<A, B>(list: Pages<A>, items: readonly B[]): Pages<B> {
  return { ...list, items };
}

/** A word of the catalogue for a value of the API, or the value. */
function useWord(): (value: string | undefined) => string {
  const t = useText(catalogue);
  return useCallback((value) => (value === undefined ? t("nothing") : value in catalogue && /^[A-Z_]+$/.test(value) ? t(value as "VOICE") : value), [t]);
}

/** The contacts of a profile, the newest first. */
export function ContactsPart({ domain, id }: Place) {
  const t = useText(catalogue);
  const word = useWord();
  const list = useObjects(domain, id, "CTR");
  const contacts = useMemo(() => list.items.map(contactOf), [list.items]);
  const [whole, setWhole] = useState<ProfileObject>();
  const columns = useMemo<Column<PastContact>[]>(
    () => [
      { id: "at", header: t("time"), value: (c) => c.at, cell: (c) => <Time at={c.at} />, rowHeader: true },
      { id: "channel", header: t("channel"), value: (c) => word(c.channel) },
      { id: "method", header: t("direction"), value: (c) => word(c.method) },
      { id: "queue", header: t("queue"), value: (c) => c.queue },
      { id: "agent", header: t("agent"), value: (c) => c.agent },
      { id: "length", header: t("length"), value: (c) => c.length, cell: (c) => (c.length === undefined ? t("nothing") : clock(c.length)) },
      { id: "address", header: t("address"), value: (c) => c.address, optional: true },
      { id: "whole", header: t("record"), cell: (c) => <Whole object={c.object} onShow={setWhole} /> },
    ],
    [t, word],
  );
  return (
    <>
      <ResourceTable id="agent.contacts" level="h2" title={t("contacts")} columns={columns} list={mapped(list, contacts)} keyOf={(c) => c.object.key} nameOf={(c) => c.id} empty={{ title: t("noContacts") }} />
      {whole && <WholeModal object={whole} onClose={() => setWhole(undefined)} />}
    </>
  );
}

/** A button that shows all of a record. */
function Whole({ object, onShow }: { object: ProfileObject; onShow: (o: ProfileObject) => void }) {
  const t = useText(catalogue);
  return (
    <Button variant="inline-link" ariaLabel={t("wholeOf", { type: object.type })} onClick={() => onShow(object)}>
      {t("whole")}
    </Button>
  );
}

function WholeModal({ object, onClose }: { object: ProfileObject; onClose: () => void }) {
  const t = useText(catalogue);
  return (
    <Modal visible size="large" header={object.type} closeAriaLabel={t("close")} onDismiss={onClose} footer={<Box float="right"><Button onClick={onClose}>{t("close")}</Button></Box>}>
      <CopyBlock text={JSON.stringify(object.fields, null, 2)} name={t("record")} />
    </Modal>
  );
}

type Kind = "orders" | "cases" | "assets";

const kinds = {
  orders: { type: "_order", own: "OrderId", empty: "noOrders" },
  cases: { type: "_case", own: "CaseId", empty: "noCases" },
  assets: { type: "_asset", own: "AssetId", empty: "noAssets" },
} as const;

/** The orders, cases or assets of a profile. */
export function StandardPart({ domain, id, kind }: Place & { kind: Kind }) {
  const t = useText(catalogue);
  const { type, own, empty } = kinds[kind];
  const list = useObjects(domain, id, type);
  const [whole, setWhole] = useState<ProfileObject>();
  const columns = useMemo<Column<ProfileObject>[]>(() => {
    const field = (name: string, header: string): Column<ProfileObject> => ({ id: name, header, value: (o) => text(o.fields[name]) });
    const date = (name: string, header: string): Column<ProfileObject> => ({ id: name, header, value: (o) => time(o.fields[name]) ?? text(o.fields[name]), cell: (o) => (time(o.fields[name]) ? <Time at={time(o.fields[name])} /> : (text(o.fields[name]) ?? t("nothing"))) });
    const number: Column<ProfileObject> = { id: own, header: t("number"), value: (o) => numberOf(o, own), rowHeader: true };
    const end: Column<ProfileObject> = { id: "whole", header: t("record"), cell: (o) => <Whole object={o} onShow={setWhole} /> };
    switch (kind) {
      case "orders":
        return [
          number,
          date("CreatedDate", t("time")),
          field("Status", t("status")),
          { id: "total", header: t("total"), value: (o) => [text(o.fields["TotalPrice"]), text(o.fields["Currency"])].filter(Boolean).join(" ") },
          { id: "items", header: t("items"), value: (o) => itemsOf(o).join(", ") },
          end,
        ];
      case "cases":
        return [number, date("CreatedDate", t("time")), field("Title", t("subject")), field("Status", t("status")), { ...field("Summary", t("summary")), optional: true }, end];
      case "assets":
        return [{ ...number, rowHeader: false }, { ...field("AssetName", t("asset")), rowHeader: true }, field("ModelName", t("model")), field("SerialNumber", t("serial")), date("PurchaseDate", t("purchased")), field("Status", t("status")), end];
    }
  }, [kind, own, t]);
  return (
    <>
      <ResourceTable id={`agent.${kind}`} level="h2" title={t(kind)} columns={columns} list={list} keyOf={(o) => o.key} nameOf={(o) => numberOf(o, own)} empty={{ title: t(empty) }} wrap />
      {whole && <WholeModal object={whole} onClose={() => setWhole(undefined)} />}
    </>
  );
}

function itemsOf(o: ProfileObject): string[] {
  const items = o.fields["OrderItems"];
  return Array.isArray(items) ? items.flatMap((i) => text(at(i, "Title")) ?? []) : [];
}

/** The objects of the domain's own types that a profile has, type by type. */
export function OthersPart({ domain, id }: Place) {
  const t = useText(catalogue);
  const types = useObjectTypes(domain);
  const names = types.items.map((i) => i.ObjectTypeName ?? "").filter((n) => n && n !== "CTR");
  const [whole, setWhole] = useState<ProfileObject>();
  return (
    <>
      <SpaceBetween size="l">
        {names.map((type) => (
          <OfType key={type} domain={domain} id={id} type={type} onShow={setWhole} />
        ))}
        {!types.loading && names.length === 0 && (
          <Box textAlign="center" color="text-body-secondary" padding="l">
            {t("noOthers")}
          </Box>
        )}
      </SpaceBetween>
      {whole && <WholeModal object={whole} onClose={() => setWhole(undefined)} />}
    </>
  );
}

function OfType({ domain, id, type, onShow }: Place & { type: string; onShow: (o: ProfileObject) => void }) {
  const t = useText(catalogue);
  const list = useObjects(domain, id, type);
  const columns = useMemo<Column<ProfileObject>[]>(
    () => [
      { id: "record", header: t("record"), value: (o) => line(o.fields), rowHeader: true, minWidth: 300 },
      { id: "whole", header: t("whole"), cell: (o) => <Whole object={o} onShow={onShow} />, width: 140 },
    ],
    [t, onShow],
  );
  return <ResourceTable id="agent.others" level="h2" title={type} columns={columns} list={list} keyOf={(o) => o.key} nameOf={(o) => o.type} empty={{ title: t("noOthers") }} wrap />;
}
