import { messages } from "../../i18n/text";

export default messages({
  title: { en: "Instances", "pt-BR": "Instâncias" },
  description: {
    en: "Contact centres whose customers are to have profiles.",
    "pt-BR": "Centrais de atendimento cujos clientes devem ter perfis.",
  },
  alias: { en: "Alias", "pt-BR": "Alias" },
  noAlias: { en: "(no alias)", "pt-BR": "(sem alias)" },
  id: { en: "Instance ID", "pt-BR": "ID da instância" },
  status: { en: "Status", "pt-BR": "Status" },
  created: { en: "Created", "pt-BR": "Criada em" },
  identity: { en: "Users are managed", "pt-BR": "Gestão de usuários" },
  channels: { en: "Calls", "pt-BR": "Chamadas" },
  empty: { en: "No instances", "pt-BR": "Nenhuma instância" },
  emptyText: {
    en: "Create one for your contact centre, then enable customer profiles for it.",
    "pt-BR": "Crie uma para a sua central de atendimento e depois ative os perfis de clientes.",
  },
  create: { en: "Create an instance", "pt-BR": "Criar uma instância" },

  createTitle: { en: "Create an instance", "pt-BR": "Criar uma instância" },
  createDescription: { en: "It stands for a contact centre: contacts, and whose profiles they belong to.", "pt-BR": "Ela representa uma central de atendimento: os contatos e os perfis a que eles pertencem." },
  settings: { en: "Settings", "pt-BR": "Configurações" },
  aliasHint: { en: "A name by which to know it. It cannot be changed later.", "pt-BR": "Um nome para reconhecê-la. Não pode ser alterado depois." },
  aliasRule: {
    en: "1 to 45 letters, digits and hyphens; it neither begins nor ends with a hyphen, nor begins with d-.",
    "pt-BR": "De 1 a 45 letras, dígitos e hifens; não começa nem termina com hífen e não começa com d-.",
  },
  inbound: { en: "Incoming calls", "pt-BR": "Chamadas recebidas" },
  outbound: { en: "Outgoing calls", "pt-BR": "Chamadas efetuadas" },
  both: { en: "Incoming and outgoing", "pt-BR": "Recebidas e efetuadas" },
  none: { en: "None", "pt-BR": "Nenhuma" },
  allow: { en: "What the instance is for", "pt-BR": "Para que serve a instância" },
  cancel: { en: "Cancel", "pt-BR": "Cancelar" },
  submit: { en: "Create", "pt-BR": "Criar" },
  made: { en: "The instance {alias} has been created.", "pt-BR": "A instância {alias} foi criada." },

  CONNECT_MANAGED: { en: "In the instance", "pt-BR": "Na instância" },
  SAML: { en: "By SAML", "pt-BR": "Por SAML" },
  EXISTING_DIRECTORY: { en: "In a directory", "pt-BR": "Em um diretório" },
});
