import type { ListIntegrationItem } from "@aws-sdk/client-customer-profiles";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { kindred } from "../../api/kindred";
import { useFrame } from "../../app/frame";
import { Repair } from "../../components/Repair";
import { useText } from "../../i18n/text";
import { domainNamePattern, domainsKey } from "../../resources/domains";
import catalogue from "./messages";

/** Gives a domain another name. The policies of its queue and keys are looked at for the new name, and can be mended here. */
export function RenameModal({ name, onClose }: { name: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [next, setNext] = useState(name);
  const valid = domainNamePattern.test(next);
  const rename = useMutation({
    mutationFn: () => kindred().call("RenameDomain", { DomainName: name, NewDomainName: next }),
    onSuccess: () => {
      // What is cached under the old name is not read again: there is no such domain.
      queries.setQueriesData<ListIntegrationItem | null>({ queryKey: [...domainsKey, "connection"] }, (c) => (c?.DomainName === name ? { ...c, DomainName: next } : c));
      void queries.invalidateQueries({ queryKey: [...domainsKey, "list"] });
      notify({ type: "success", text: t("renamed", { domain: next }) });
      onClose();
    },
  });
  const submit = (e?: FormEvent): void => {
    e?.preventDefault();
    if (valid && next !== name) rename.mutate();
  };
  return (
    <Modal
      visible
      size="large"
      header={t("renameTitle", { domain: name })}
      closeAriaLabel={t("close")}
      onDismiss={() => !rename.isPending && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={rename.isPending} onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button variant="primary" loading={rename.isPending} disabled={!valid || next === name} onClick={() => submit()}>
              {t("rename")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <Box variant="p">{t("renameText")}</Box>
          <FormField label={t("newName")} constraintText={t("nameRule")} errorText={!valid && t("nameRule")}>
            <Input value={next} onChange={({ detail }) => setNext(detail.value)} spellcheck={false} autoComplete={false} />
          </FormField>
          {rename.error && <Repair error={rename.error} onRepaired={() => rename.mutate()} />}
        </SpaceBetween>
      </form>
    </Modal>
  );
}
