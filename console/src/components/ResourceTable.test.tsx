import { I18nProvider } from "@cloudscape-design/components/i18n";
import componentTexts from "@cloudscape-design/components/i18n/messages/all.en";
import createWrapper from "@cloudscape-design/components/test-utils/dom";
import { act } from "react";
import { createRoot } from "react-dom/client";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Pages } from "../api/pages";
import { type Column, ResourceTable, merge } from "./ResourceTable";

interface Thing {
  name: string;
  size: number;
}

const columns: Column<Thing>[] = [
  { id: "name", header: "Name", value: (x) => x.name, rowHeader: true },
  { id: "size", header: "Size", value: (x) => x.size },
  { id: "twice", header: "Twice", value: (x) => x.size * 2, optional: true },
];

const things = (n: number): Thing[] => Array.from({ length: n }, (_, i) => ({ name: `thing ${i}`, size: n - i }));

const list = (some: Partial<Pages<Thing>>): Pages<Thing> => ({
  items: [],
  error: null,
  loading: false,
  fetching: false,
  hasMore: false,
  more: async () => undefined,
  refresh: () => undefined,
  ...some,
});

const holder = document.createElement("div");
document.body.append(holder);
let root = createRoot(holder);

async function show(some: Partial<Pages<Thing>>) {
  const element = (
    <I18nProvider locale="en" messages={[componentTexts]}>
      <ResourceTable id="things" title="Things" columns={columns} list={list(some)} keyOf={(x) => x.name} nameOf={(x) => x.name} empty={{ title: "No things" }} />
    </I18nProvider>
  );
  await act(async () => root.render(element));
  const table = createWrapper(holder).findTable();
  if (!table) throw new Error("no table");
  return table;
}

const firstColumn = (table: Awaited<ReturnType<typeof show>>): string[] => table.findRows().map((_, i) => table.findBodyCell(i + 1, 1)?.getElement().textContent ?? "");

describe("a table of resources", () => {
  beforeEach(() => {
    localStorage.clear();
    act(() => root.unmount());
    root = createRoot(holder);
  });

  it("says that it loads, that there is nothing, and what went wrong", async () => {
    expect((await show({ loading: true })).findLoadingText()?.getElement().textContent).toContain("Loading");
    expect((await show({})).findEmptySlot()?.getElement().textContent).toContain("No things");
    const refused = Object.assign(new Error("User: x is not authorized to perform: sqs:ListQueues"), { name: "AccessDenied", $metadata: { httpStatusCode: 403 } });
    const refresh = vi.fn();
    const table = await show({ error: refused, refresh });
    expect(table.findEmptySlot()?.getElement().textContent).toContain("sqs:ListQueues");
    expect(table.findEmptySlot()?.getElement().textContent).not.toContain("No things");
    await act(async () => createWrapper(holder).findAlert()?.findActionSlot()?.findButton()?.click());
    expect(refresh).toHaveBeenCalledOnce();
  });

  it("shows a page and asks for the next one when it is wanted", async () => {
    const more = vi.fn(async () => undefined);
    const table = await show({ items: things(20), hasMore: true, more });
    expect(table.findRows()).toHaveLength(20);
    expect(more).not.toHaveBeenCalled();
    await act(async () => table.findPagination()?.findNextPageButton().click());
    expect(more).toHaveBeenCalledOnce();
  });

  it("loads the rest for an order, which the API has not", async () => {
    const more = vi.fn(async () => undefined);
    const table = await show({ items: things(12), hasMore: true, more });
    await act(async () => table.findColumnHeaders()[1]?.find("[role=button]")?.click());
    expect(more).toHaveBeenCalledOnce();
    expect(firstColumn(table)[0]).toBe("thing 11");
    await act(async () => table.findColumnHeaders()[0]?.find("[role=button]")?.click());
    expect(firstColumn(table).slice(0, 3)).toEqual(["thing 0", "thing 1", "thing 2"]);
  });

  it("hides optional columns", async () => {
    expect((await show({ items: things(1) })).findColumnHeaders()).toHaveLength(2);
  });
});

describe("remembered preferences", () => {
  it("fit the columns of today", () => {
    expect(merge({ pageSize: 7, contentDisplay: [{ id: "gone", visible: true }, { id: "size", visible: false }, 3] }, columns)).toEqual({
      pageSize: 20,
      wrapLines: false,
      contentDisplay: [
        { id: "size", visible: false },
        { id: "name", visible: true },
        { id: "twice", visible: false },
      ],
    });
    expect(merge({ pageSize: 50, wrapLines: true }, []).pageSize).toBe(50);
  });
});
