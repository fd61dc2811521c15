import Button from "@cloudscape-design/components/button";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import type { Pages } from "../api/pages";
import { messages, useText } from "../i18n/text";
import { useErrorText } from "./ErrorAlert";

const catalogue = messages({
  loading: { en: "Loading", "pt-BR": "Carregando" },
  recovery: { en: "Try again", "pt-BR": "Tentar de novo" },
  noMatch: { en: "Nothing matches", "pt-BR": "Nada corresponde" },
  filter: { en: "Find", "pt-BR": "Procurar" },
});

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
        filteringPlaceholder={t("filter")}
        filteringAriaLabel={t("filter")}
        statusType={status}
        loadingText={t("loading")}
        errorText={list.error ? errorText(list.error) : ""}
        recoveryText={t("recovery")}
        empty={empty}
        noMatch={t("noMatch")}
        onLoadItems={({ detail }) => {
          if (list.error) list.refresh();
          else if (!detail.firstPage && list.hasMore) void list.more();
        }}
      />
      <Button iconName="refresh" ariaLabel={refreshLabel} loading={list.fetching} onClick={list.refresh} />
    </div>
  );
}
