import { messages } from "../../i18n/text";

export default messages({
  instances: { en: "Instances", "pt-BR": "Instâncias" },
  loadingTitle: { en: "Instance", "pt-BR": "Instância" },
  details: { en: "Details", "pt-BR": "Detalhes" },
  alias: { en: "Alias", "pt-BR": "Alias" },
  status: { en: "Status", "pt-BR": "Status" },
  created: { en: "Created", "pt-BR": "Criada em" },
  calls: { en: "Calls", "pt-BR": "Chamadas" },
  id: { en: "Instance ID", "pt-BR": "ID da instância" },
  arn: { en: "ARN", "pt-BR": "ARN" },
  profiles: { en: "Customer profiles", "pt-BR": "Perfis de clientes" },
  enabled: { en: "Enabled with the domain {domain}", "pt-BR": "Ativados com o domínio {domain}" },
  notEnabled: { en: "Not enabled", "pt-BR": "Não ativados" },
  open: { en: "Open customer profiles", "pt-BR": "Abrir perfis de clientes" },
  both: { en: "Incoming and outgoing", "pt-BR": "Recebidas e efetuadas" },
  inbound: { en: "Incoming calls", "pt-BR": "Chamadas recebidas" },
  outbound: { en: "Outgoing calls", "pt-BR": "Chamadas efetuadas" },
  none: { en: "None", "pt-BR": "Nenhuma" },

  stateACTIVE: { en: "Active", "pt-BR": "Ativa" },
  stateCREATION_IN_PROGRESS: { en: "Being created", "pt-BR": "Em criação" },
  stateCREATION_FAILED: { en: "Creation failed", "pt-BR": "A criação falhou" },
});
