import Button from "@cloudscape-design/components/button";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import type { Pages } from "../api/pages";
import { useText } from "../i18n/text";
import { useErrorText } from "./ErrorAlert";
import catalogue from "./messages";

/** A choice from a list of the API, whose pages are loaded as one scrolls, with a button that reads it anew. */
export function PagesSelect<T>(props: {
  list: Pages<T>;
  optionOf: (item: T) => { value: string; label: string; description?: string };
  value: string | undefined;
  onChange: (value: string) => void;
  placeholder: string;
  empty: string;
  /** What the button that reads the list anew says to screen readers. */
  refreshLabel: string;
}) {
  const { list, optionOf, value, onChange, placeholder, empty, refreshLabel } = props;
  const t = useText(catalogue);
  const errorText = useErrorText();
  const options = list.items.map(optionOf);
  const status: SelectProps["statusType"] = list.error ? "error" : list.loading || list.fetching ? "loading" : list.hasMore ? "pending" : "finished";
  return (
    <div className="kindred-select">
      <Select
        selectedOption={value === undefined ? null : (options.find((o) => o.value === value) ?? { value, label: value })}
        options={options}
        onChange={({ detail }) => detail.selectedOption.value !== undefined && onChange(detail.selectedOption.value)}
        placeholder={placeholder}
        filteringType="auto"
        filteringPlaceholder={t("chooseFilter")}
        filteringAriaLabel={t("chooseFilter")}
        statusType={status}
        loadingText={t("chooseLoading")}
        errorText={list.error ? errorText(list.error) : ""}
        recoveryText={t("chooseRecovery")}
        empty={empty}
        noMatch={t("chooseNoMatch")}
        onLoadItems={({ detail }) => {
          if (list.error) list.refresh();
          else if (!detail.firstPage && list.hasMore) void list.more();
        }}
      />
      <Button iconName="refresh" ariaLabel={refreshLabel} loading={list.fetching} onClick={list.refresh} />
    </div>
  );
}
