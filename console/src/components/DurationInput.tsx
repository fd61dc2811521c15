import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import { messages, useText } from "../i18n/text";
import { type Duration, type Unit, units } from "./duration";

const catalogue = messages({
  unit: { en: "Unit", "pt-BR": "Unidade" },
  s: { en: "Seconds", "pt-BR": "Segundos" },
  m: { en: "Minutes", "pt-BR": "Minutos" },
  h: { en: "Hours", "pt-BR": "Horas" },
  d: { en: "Days", "pt-BR": "Dias" },
});

/** A span of time: an amount in a unit that one chooses. */
export function DurationInput({ value, onChange }: { value: Duration; onChange: (value: Duration) => void }) {
  const t = useText(catalogue);
  const options = units.map((unit) => ({ value: unit, label: t(unit) }));
  return (
    <div className="kindred-duration">
      <Input type="number" inputMode="numeric" value={value.amount} onChange={({ detail }) => onChange({ ...value, amount: detail.value })} />
      <Select
        ariaLabel={t("unit")}
        options={options}
        selectedOption={{ value: value.unit, label: t(value.unit) }}
        onChange={({ detail }) => onChange({ ...value, unit: detail.selectedOption.value as Unit })}
      />
    </div>
  );
}
