import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useText } from "../i18n/text";
import { ErrorAlert } from "./ErrorAlert";
import catalogue from "./messages";

/**
 * Asks before something is done, does it, and shows why it could not be done. It is
 * there only while it is open: render it when it is wanted.
 */
export function ConfirmModal(props: {
  title: string;
  children: ReactNode;
  /** What the button says: a verb. */
  action: string;
  /** What the user has to type first, for what cannot be undone. */
  word?: string;
  /** Something in it has to be mended first. */
  disabled?: boolean;
  onConfirm: () => Promise<unknown>;
  /** After it was done, or not wanted. */
  onClose: () => void;
}) {
  const { title, children, action, word, disabled = false, onConfirm, onClose } = props;
  const t = useText(catalogue);
  const [typed, setTyped] = useState("");
  const act = useMutation({ mutationFn: onConfirm, onSuccess: onClose });
  return (
    <Modal
      visible
      header={title}
      closeAriaLabel={t("closeDialog")}
      onDismiss={() => !act.isPending && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={act.isPending} onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button variant="primary" loading={act.isPending} disabled={disabled || (word !== undefined && typed !== word)} onClick={() => act.mutate()}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {children}
        {word !== undefined && (
          <FormField label={t("typeToConfirm", { word })}>
            <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} autoComplete={false} placeholder={word} />
          </FormField>
        )}
        {act.error && <ErrorAlert error={act.error} />}
      </SpaceBetween>
    </Modal>
  );
}
