import { UpdateKeyDescriptionCommand } from "@aws-sdk/client-kms";
import FormField from "@cloudscape-design/components/form-field";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useText } from "../../i18n/text";
import type { KeyModal } from "./endings";
import catalogue from "./messages";

const longest = 8192; // characters, of the API

/** Changes the description of a key. */
export function DescriptionModal({ keyData: { KeyId = "", Description = "" }, name, onChanged, onClose }: KeyModal) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const [text, setText] = useState(Description);
  const save = async (): Promise<void> => {
    await kms().send(new UpdateKeyDescriptionCommand({ KeyId, Description: text }));
    await onChanged();
    notify({ type: "success", text: t("described") });
  };
  return (
    <ConfirmModal title={t("editTitle", { key: name })} action={t("save")} onConfirm={save} onClose={onClose}>
      <FormField label={t("descriptionField")} stretch>
        <Textarea value={text} rows={3} autoFocus onChange={({ detail }) => setText(detail.value.slice(0, longest))} />
      </FormField>
    </ConfirmModal>
  );
}
