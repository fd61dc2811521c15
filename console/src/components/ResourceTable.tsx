import { useCollection } from "@cloudscape-design/collection-hooks";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import CollectionPreferences, { type CollectionPreferencesProps } from "@cloudscape-design/components/collection-preferences";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import PropertyFilter from "@cloudscape-design/components/property-filter";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import type { Pages } from "../api/pages";
import { useText } from "../i18n/text";
import { usePreferences } from "../preferences/preferences";
import { recall, remember } from "../preferences/storage";
import { ErrorAlert } from "./ErrorAlert";
import catalogue from "./messages";

/** A column of a table of resources. */
export interface Column<T> {
  id: string;
  header: string;
  /** What the cell shows; without it, the value. */
  cell?: (item: T) => ReactNode;
  /** By what the column is sorted and, if it is a text, filtered. Without it, it is neither. */
  value?: (item: T) => string | number | boolean | Date | undefined;
  /** Shown only when the user chooses it. */
  optional?: boolean;
  /** Names the row, for screen readers; normally the first column. */
  rowHeader?: boolean;
  minWidth?: number;
  width?: number;
}

/** What is said when a list is empty: that it is, and what to do next. */
export interface EmptyState {
  title: string;
  text?: string;
  action?: ReactNode;
}

// A row of the table: the item, and its values by column, where sorting and filtering
// look for them.
type Row<T> = Record<string, unknown> & { item: T };

/** Up to this many items are loaded by themselves for a filter or an order; the API has neither. */
const searched = 2000;

const pageSizes = [10, 20, 50, 100];

/**
 * A list of the API as a table: its states (loading, empty, error), filter, order,
 * pages, and what the user wants to see of it, remembered under the table's id. Pages
 * come through the API's tokens as they are wanted; a filter or order looks at what
 * is loaded, which is then up to 2000 items, and says so when there are more.
 */
export function ResourceTable<T>(props: {
  /** Under which preferences are remembered, such as queues. */
  id: string;
  /** h1 of a page that is this table, h2 within a page. */
  level?: "h1" | "h2";
  title: string;
  description?: string;
  columns: readonly Column<T>[];
  list: Pages<T>;
  /** Identifies an item. */
  keyOf: (item: T) => string;
  /** Names an item for screen readers. */
  nameOf: (item: T) => string;
  empty: EmptyState;
  actions?: ReactNode | ((selected: readonly T[]) => ReactNode);
  selection?: "single" | "multi";
  /** Long texts are on several lines, unless the user wants them on one. */
  wrap?: boolean;
}) {
  const { id, level = "h1", title, description, columns, list, keyOf, nameOf, empty, actions, selection, wrap = false } = props;
  const t = useText(catalogue);
  const [preferences, setPreferences] = useTablePreferences(id, columns, wrap);
  const { locale } = usePreferences();
  const order = useMemo(() => new Intl.Collator(locale, { numeric: true }), [locale]);
  const rows = useMemo(() => list.items.map((item) => rowOf(item, columns)), [list.items, columns]);
  // Made once: the table knows the column it is sorted by by its comparator.
  const definitions = useMemo(
    () =>
      columns.map((c) => ({
        id: c.id,
        header: c.header,
        cell: (r: Row<T>) => (c.cell ? c.cell(r.item) : text(r[c.id], t("nothing"))),
        ...(c.value && { sortingField: c.id, sortingComparator: (a: Row<T>, b: Row<T>) => compare(a[c.id], b[c.id], order) }),
        ...(c.rowHeader && { isRowHeader: true }),
        ...(c.minWidth && { minWidth: c.minWidth }),
        ...(c.width && { width: c.width }),
      })),
    [columns, order, t],
  );
  const filterable = useMemo(() => columns.filter((c) => rows.some((r) => typeof r[c.id] === "string")), [columns, rows]);

  const { items, actions: collection, collectionProps, propertyFilterProps, paginationProps, filteredItemsCount } = useCollection(rows, {
    propertyFiltering: {
      filteringProperties: filterable.map((c) => ({ key: c.id, propertyLabel: c.header, groupValuesLabel: c.header, operators: [":", "!:", "=", "!=", "^"] })),
    },
    sorting: {},
    pagination: { pageSize: preferences.pageSize ?? 20 },
    ...(selection && { selection: { keepSelection: true, trackBy: (r: Row<T>) => keyOf(r.item) } }),
  });

  const filtered = propertyFilterProps.query.tokens.length > 0;
  const arranged = filtered || collectionProps.sortingColumn !== undefined;
  const { hasMore, fetching, more, error } = list;
  useEffect(() => {
    if (arranged && hasMore && !fetching && !error && rows.length < searched) void more();
  }, [arranged, hasMore, fetching, error, more, rows.length]);

  const noMatch = (
    <Empty title={t("noMatch")} action={<Button onClick={() => collection.setPropertyFiltering({ tokens: [], operation: "and" })}>{t("clearFilter")}</Button>} />
  );
  const selected = (collectionProps.selectedItems ?? []).map((r) => r.item);
  const failed = error !== null && rows.length === 0;
  const header = (
    <Header
      variant={level}
      description={description}
      counter={list.loading || failed ? undefined : `(${rows.length}${hasMore ? "+" : ""})`}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          <Button iconName="refresh" ariaLabel={t("refresh")} loading={fetching && !list.loading} onClick={list.refresh} />
          {typeof actions === "function" ? actions(selected) : actions}
        </SpaceBetween>
      }
    >
      {title}
    </Header>
  );

  return (
    <SpaceBetween size="m">
      {error && !failed && <ErrorAlert error={error} onRetry={list.refresh} />}
      {arranged && hasMore && rows.length >= searched && (
        <Alert type="info" action={<Button loading={fetching} onClick={() => void more()}>{t("loadMore")}</Button>}>
          {t("partial", { count: rows.length })}
        </Alert>
      )}
      <Table<Row<T>>
        {...collectionProps}
        variant={level === "h1" ? "full-page" : "container"}
        stickyHeader={level === "h1"}
        header={header}
        items={items}
        trackBy={(r) => keyOf(r.item)}
        loading={list.loading}
        loadingText={t("loading")}
        empty={failed ? <Box padding="s" textAlign="left"><ErrorAlert error={error} onRetry={list.refresh} /></Box> : filtered ? noMatch : <Empty {...empty} />}
        columnDefinitions={definitions}
        {...(preferences.contentDisplay && { columnDisplay: preferences.contentDisplay.filter((c) => c.type !== "group") })}
        wrapLines={preferences.wrapLines ?? wrap}
        {...(selection && { selectionType: selection })}
        ariaLabels={{
          tableLabel: title,
          itemSelectionLabel: (_, r) => `${t("select")} ${nameOf(r.item)}`,
          allItemsSelectionLabel: () => t("selectAll"),
          selectionGroupLabel: t("selection"),
        }}
        filter={
          (rows.length > 0 || filtered) && (
            <PropertyFilter
              {...propertyFilterProps}
              filteringAriaLabel={t("filter")}
              filteringPlaceholder={t("filterPlaceholder")}
              countText={t("matches", { count: filteredItemsCount ?? 0 })}
              expandToViewport
            />
          )
        }
        pagination={
          <Pagination
            {...paginationProps}
            openEnd={hasMore}
            disabled={fetching}
            onNextPageClick={({ detail }) => {
              if (!detail.requestedPageAvailable) void more().then(() => collection.setCurrentPage(detail.requestedPageIndex));
            }}
          />
        }
        preferences={<TablePreferences columns={columns} preferences={preferences} onChange={setPreferences} />}
      />
    </SpaceBetween>
  );
}

function rowOf<T>(item: T, columns: readonly Column<T>[]): Row<T> {
  const row: Record<string, unknown> = {};
  for (const c of columns) if (c.value) row[c.id] = c.value(item);
  return { ...row, item };
}

/** The order of two values of a column. Texts are ordered as the language does, and numbers in them by size; what is absent comes first. */
function compare(a: unknown, b: unknown, order: Intl.Collator): number {
  if (typeof a === "string" && typeof b === "string") return order.compare(a, b);
  const [x, y] = [a, b].map((v) => (v === undefined || v === null || v === "" ? -Infinity : Number(v)));
  return x === y ? 0 : (x ?? 0) < (y ?? 0) ? -1 : 1;
}

function text(value: unknown, nothing: string): string {
  return value === undefined || value === null || value === "" ? nothing : String(value);
}

function Empty({ title, text, action }: EmptyState) {
  return (
    <Box margin={{ vertical: "s" }} textAlign="center" color="inherit">
      <SpaceBetween size="xs" alignItems="center">
        <Box variant="strong" color="inherit">
          {title}
        </Box>
        {text && (
          <Box variant="p" color="inherit">
            {text}
          </Box>
        )}
        {action}
      </SpaceBetween>
    </Box>
  );
}

type Stored = Pick<CollectionPreferencesProps.Preferences, "pageSize" | "wrapLines" | "contentDisplay">;

function useTablePreferences<T>(id: string, columns: readonly Column<T>[], wrap: boolean) {
  const key = `kindred.table.${id}`;
  const [preferences, set] = useState<Stored>(() => merge(recall(key), columns, wrap));
  return [
    preferences,
    (next: Stored) => {
      remember(key, next);
      set(next);
    },
  ] as const;
}

/** What was remembered of a table, made to fit the columns that it has today. wrap: texts are on several lines if nothing was. */
export function merge<T>(saved: unknown, columns: readonly Column<T>[], wrap = false): Stored {
  const { pageSize, wrapLines, contentDisplay } = (typeof saved === "object" && saved !== null ? saved : {}) as Record<string, unknown>;
  const known = new Map(columns.map((c) => [c.id, c]));
  const display: { id: string; visible: boolean }[] = [];
  for (const entry of Array.isArray(contentDisplay) ? (contentDisplay as unknown[]) : []) {
    const { id, visible } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    if (typeof id === "string" && typeof visible === "boolean" && known.delete(id)) display.push({ id, visible });
  }
  for (const c of known.values()) display.push({ id: c.id, visible: !c.optional });
  return {
    pageSize: typeof pageSize === "number" && pageSizes.includes(pageSize) ? pageSize : 20,
    wrapLines: typeof wrapLines === "boolean" ? wrapLines : wrap,
    contentDisplay: display,
  };
}

function TablePreferences<T>({ columns, preferences, onChange }: { columns: readonly Column<T>[]; preferences: Stored; onChange: (p: Stored) => void }) {
  const t = useText(catalogue);
  return (
    <CollectionPreferences
      title={t("preferences")}
      confirmLabel={t("confirm")}
      cancelLabel={t("cancel")}
      preferences={preferences}
      onConfirm={({ detail }) => onChange(detail)}
      pageSizePreference={{ title: t("pageSize"), options: pageSizes.map((value) => ({ value, label: t("rows", { count: value }) })) }}
      wrapLinesPreference={{ label: t("wrapLines"), description: t("wrapLinesHint") }}
      contentDisplayPreference={{
        title: t("columns"),
        options: columns.map((c) => ({ id: c.id, label: c.header, alwaysVisible: c.rowHeader ?? false })),
      }}
    />
  );
}
