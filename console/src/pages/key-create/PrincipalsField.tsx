import FormField from "@cloudscape-design/components/form-field";
import Multiselect, { type MultiselectProps } from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useText } from "../../i18n/text";
import { useRoles, useUsers } from "../../resources/principals";
import catalogue from "./messages";

/** A choice of users and roles, as ARNs. Who may not list them can do without. */
export function PrincipalsField({ value, onChange }: { value: readonly string[]; onChange: (arns: readonly string[]) => void }) {
  const t = useText(catalogue);
  const users = useUsers();
  const roles = useRoles();
  const groups = [
    { label: t("groupUsers"), list: users },
    { label: t("groupRoles"), list: roles },
  ];
  const options: MultiselectProps.OptionGroup[] = groups
    .filter(({ list }) => list.items.length > 0)
    .map(({ label, list }) => ({ label, options: list.items.map((p) => ({ value: p.arn, label: p.name, description: p.arn })) }));
  const known = new Map(options.flatMap((g) => g.options.map((o) => [o.value, o])));
  const error = users.error ?? roles.error;
  const more = users.hasMore ? users : roles.hasMore ? roles : undefined;
  const loading = users.loading || roles.loading || users.fetching || roles.fetching;
  return (
    <SpaceBetween size="m">
      {error && (
        <ErrorAlert
          error={error}
          onRetry={() => {
            users.refresh();
            roles.refresh();
          }}
        />
      )}
      <FormField label={t("choose")}>
        <Multiselect
          selectedOptions={value.map((arn) => known.get(arn) ?? { value: arn, label: arn })}
          options={options}
          onChange={({ detail }) => onChange(detail.selectedOptions.flatMap((o) => (o.value ? [o.value] : [])))}
          placeholder={t("choosePlaceholder")}
          filteringType="auto"
          statusType={loading ? "loading" : more ? "pending" : "finished"}
          loadingText={t("loading")}
          recoveryText={t("recovery")}
          empty={t("noPrincipals")}
          deselectAriaLabel={(o) => t("remove", { name: o.label ?? "" })}
          onLoadItems={({ detail }) => {
            if (!detail.firstPage) void more?.more();
          }}
        />
      </FormField>
    </SpaceBetween>
  );
}
