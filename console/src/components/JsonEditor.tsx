import Button from "@cloudscape-design/components/button";
import FormField, { type FormFieldProps } from "@cloudscape-design/components/form-field";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useText } from "../i18n/text";
import { formatJson, parseJson } from "./json";
import catalogue from "./messages";

/**
 * A field for a JSON text. While the text is none it says where; further rules are
 * the caller's, as errorText. It is a plain text area: it works with every screen
 * reader, and nothing in it needs a worker or eval.
 */
export function JsonEditor(props: {
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  readOnly?: boolean;
  /** Names it where there is no label to be seen. */
  ariaLabel?: string;
  /** It may hold several values, one on each line, which the caller judges. */
  lines?: boolean;
} & Pick<FormFieldProps, "label" | "description" | "errorText" | "constraintText" | "secondaryControl" | "stretch">) {
  const { value, onChange, rows = 14, readOnly = false, ariaLabel, lines = false, errorText, ...field } = props;
  const t = useText(catalogue);
  const parsed = value.trim() === "" ? undefined : parseJson(value);
  let wrong = errorText;
  if (parsed && "fault" in parsed && (!lines || errorText)) {
    wrong = t("jsonInvalid", { ...parsed.fault });
  }
  return (
    <FormField {...field} errorText={wrong}>
      <SpaceBetween size="xs">
        <div className="kindred-code-input">
          <Textarea value={value} {...(ariaLabel && { ariaLabel })} rows={rows} readOnly={readOnly} spellcheck={false} autoComplete={false} disableBrowserAutocorrect onChange={({ detail }) => onChange(detail.value)} />
        </div>
        {!readOnly && (
          <Button
            disabled={!parsed || "fault" in parsed}
            onClick={() => {
              if (parsed && "value" in parsed) onChange(formatJson(value));
            }}
          >
            {t("jsonFormat")}
          </Button>
        )}
      </SpaceBetween>
    </FormField>
  );
}
