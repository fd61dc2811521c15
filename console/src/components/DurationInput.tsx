import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import { useId } from "react";
import { useText } from "../i18n/text";
import { type Duration, type Unit, units } from "./duration";
import catalogue from "./messages";

/** A span of time: an amount in a unit that one chooses. */
export function DurationInput({ value, onChange }: { value: Duration; onChange: (value: Duration) => void }) {
  const t = useText(catalogue);
  const unitId = useId(); // the label of the field names the amount
  const options = units.map((unit) => ({ value: unit, label: t(`unit_${unit}`) }));
  return (
    <div className="kindred-duration">
      <Input type="number" inputMode="numeric" value={value.amount} onChange={({ detail }) => onChange({ ...value, amount: detail.value })} />
      <Select
        controlId={unitId}
        ariaLabel={t("unit")}
        options={options}
        selectedOption={{ value: value.unit, label: t(`unit_${value.unit}`) }}
        onChange={({ detail }) => onChange({ ...value, unit: detail.selectedOption.value as Unit })}
      />
    </div>
  );
}
