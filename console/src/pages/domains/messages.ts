import { messages } from "../../i18n/text";

export default messages({
  title: { en: "Domains", "pt-BR": "Domínios" },
  description: { en: "Each holds the profiles of customers, apart from all others.", "pt-BR": "Cada um guarda os perfis de clientes, separado de todos os outros." },
  name: { en: "Name", "pt-BR": "Nome" },
  created: { en: "Created", "pt-BR": "Criado em" },
  updated: { en: "Changed", "pt-BR": "Alterado em" },
  workspace: { en: "Agent workspace", "pt-BR": "Área do agente" },
  workspaceOf: { en: "Open the agent workspace of {domain}", "pt-BR": "Abrir a área do agente de {domain}" },
  open: { en: "Open", "pt-BR": "Abrir" },
  empty: { en: "No domains", "pt-BR": "Nenhum domínio" },
  emptyText: { en: "A domain is made when customer profiles are enabled for an instance.", "pt-BR": "Um domínio é criado quando os perfis de clientes são habilitados para uma instância." },
  toInstances: { en: "Go to the instances", "pt-BR": "Ir para as instâncias" },
});
