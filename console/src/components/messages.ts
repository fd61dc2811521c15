import { messages } from "../i18n/text";

/** The texts of the shared components. */
export default messages({
  denied: { en: "You do not have the permission for this", "pt-BR": "Você não tem permissão para isto" },
  deniedAction: {
    en: "You need the permission {action}. Ask an administrator to add it to one of your policies.",
    "pt-BR": "Você precisa da permissão {action}. Peça a um administrador que a inclua em uma de suas políticas.",
  },
  onResource: { en: "Missing on", "pt-BR": "Falta em" },
  notFound: { en: "This does not exist, or no longer", "pt-BR": "Isto não existe, ou não existe mais" },
  invalid: { en: "The server refused this", "pt-BR": "O servidor recusou isto" },
  exists: { en: "There is one with this name already", "pt-BR": "Já existe um com este nome" },
  busy: { en: "The server is busy: try again in a moment", "pt-BR": "O servidor está ocupado: tente de novo em instantes" },
  network: { en: "The server cannot be reached", "pt-BR": "Não foi possível alcançar o servidor" },
  networkHint: { en: "See whether it runs and whether you are connected to it, then try again.", "pt-BR": "Verifique se ele está em execução e se há conexão, depois tente de novo." },
  signedOut: { en: "Your session has ended: sign in again", "pt-BR": "Sua sessão terminou: entre novamente" },
  notImplemented: { en: "This build does not have that operation", "pt-BR": "Esta versão não tem essa operação" },
  internal: { en: "The server could not do this", "pt-BR": "O servidor não conseguiu fazer isto" },
  internalHint: { en: "Try again. If it goes on, look for this request in the server's log.", "pt-BR": "Tente de novo. Se continuar, procure esta requisição no log do servidor." },
  request: { en: "Request", "pt-BR": "Requisição" },
  retry: { en: "Try again", "pt-BR": "Tentar de novo" },

  copy: { en: "Copy", "pt-BR": "Copiar" },
  copyThing: { en: "Copy {name}", "pt-BR": "Copiar {name}" },
  copied: { en: "Copied", "pt-BR": "Copiado" },
  notCopied: { en: "Could not be copied", "pt-BR": "Não foi possível copiar" },

  cancel: { en: "Cancel", "pt-BR": "Cancelar" },
  closeDialog: { en: "Close the dialog", "pt-BR": "Fechar a caixa de diálogo" },
  typeToConfirm: { en: "To confirm, type {word}", "pt-BR": "Para confirmar, digite {word}" },

  jsonInvalid: { en: "Not valid JSON: line {line}, column {column}", "pt-BR": "JSON inválido: linha {line}, coluna {column}" },
  jsonFormat: { en: "Format", "pt-BR": "Formatar" },

  unsavedTitle: { en: "Leave without saving?", "pt-BR": "Sair sem salvar?" },
  unsavedText: { en: "What you changed on this page has not been saved.", "pt-BR": "O que você alterou nesta página não foi salvo." },
  stay: { en: "Stay", "pt-BR": "Ficar" },
  leave: { en: "Leave", "pt-BR": "Sair" },

  loading: { en: "Loading", "pt-BR": "Carregando" },
  filter: { en: "Filter", "pt-BR": "Filtrar" },
  filterPlaceholder: { en: "Filter by text or property", "pt-BR": "Filtrar por texto ou propriedade" },
  matches: { en: { one: "{count} match", other: "{count} matches" }, "pt-BR": { one: "{count} resultado", other: "{count} resultados" } },
  noMatch: { en: "Nothing matches the filter", "pt-BR": "Nada corresponde ao filtro" },
  clearFilter: { en: "Clear the filter", "pt-BR": "Limpar o filtro" },
  refresh: { en: "Refresh", "pt-BR": "Atualizar" },
  preferences: { en: "Preferences", "pt-BR": "Preferências" },
  confirm: { en: "Confirm", "pt-BR": "Confirmar" },
  pageSize: { en: "Page size", "pt-BR": "Itens por página" },
  rows: { en: "{count} rows", "pt-BR": "{count} linhas" },
  columns: { en: "Columns", "pt-BR": "Colunas" },
  wrapLines: { en: "Wrap lines", "pt-BR": "Quebrar linhas" },
  wrapLinesHint: { en: "Show all of a text, on several lines", "pt-BR": "Mostrar todo o texto, em várias linhas" },
  partial: {
    en: "Only the first {count} are filtered and sorted. There are more.",
    "pt-BR": "Somente os primeiros {count} são filtrados e ordenados. Há mais.",
  },
  loadMore: { en: "Load more", "pt-BR": "Carregar mais" },
  select: { en: "Select", "pt-BR": "Selecionar" },
  selectAll: { en: "Select all", "pt-BR": "Selecionar tudo" },
  selection: { en: "Selection", "pt-BR": "Seleção" },
  nothing: { en: "–", "pt-BR": "–" },

  repairQueue: { en: "The queue's policy does not let Customer Profiles send to it", "pt-BR": "A política da fila não permite que o Customer Profiles envie para ela" },
  repairKey: { en: "Customer Profiles may not use the key", "pt-BR": "O Customer Profiles não pode usar a chave" },
  repairAddToQueue: { en: "Add this statement to the policy of the queue:", "pt-BR": "Adicione esta declaração à política da fila:" },
  repairAddToKey: {
    en: "Add this statement to the key's policy, or have it done by somebody who may create grants on the key:",
    "pt-BR": "Adicione esta declaração à política da chave, ou peça a alguém que possa criar concessões na chave:",
  },
  repairStatement: { en: "Statement", "pt-BR": "Declaração" },
  repairAdd: { en: "Add the statement", "pt-BR": "Adicionar a declaração" },
  repairUnreadable: { en: "The policy that is there is not valid JSON, so nothing was changed. Add the statement by hand.", "pt-BR": "A política existente não é um JSON válido, por isso nada foi alterado. Adicione a declaração manualmente." },

  chooseLoading: { en: "Loading", "pt-BR": "Carregando" },
  chooseRecovery: { en: "Try again", "pt-BR": "Tentar de novo" },
  chooseNoMatch: { en: "Nothing matches", "pt-BR": "Nada corresponde" },
  chooseFilter: { en: "Find", "pt-BR": "Procurar" },

  keyArn: { en: "ARN of the key", "pt-BR": "ARN da chave" },

  // The policy of a queue or key.
  policy: { en: "Policy", "pt-BR": "Política" },
  policyRule: { en: "The policy has to be a JSON object", "pt-BR": "A política deve ser um objeto JSON" },
  policySave: { en: "Save the policy", "pt-BR": "Salvar a política" },
  policyUndo: { en: "Undo changes", "pt-BR": "Desfazer alterações" },
  policySaved: { en: "The policy has been saved.", "pt-BR": "A política foi salva." },
  policyEmptyHint: { en: "Without a policy, those may use it whom policies of this account allow it.", "pt-BR": "Sem uma política, podem usá-la aqueles a quem as políticas desta conta permitem." },
  policyForProfiles: { en: "Add the statement for Customer Profiles", "pt-BR": "Adicionar a declaração para o Customer Profiles" },
  policyForProfilesText: {
    en: "It lets the service use this for one domain of this account, and for nobody else's.",
    "pt-BR": "Ela permite que o serviço use este recurso para um domínio desta conta e de mais ninguém.",
  },
  policyDomain: { en: "Domain", "pt-BR": "Domínio" },
  policyChooseDomain: { en: "Choose a domain", "pt-BR": "Escolha um domínio" },
  policyNoDomains: { en: "There are no domains", "pt-BR": "Não há domínios" },
  policyRefreshDomains: { en: "Refresh the domains", "pt-BR": "Atualizar os domínios" },
  policyAdd: { en: "Add the statement", "pt-BR": "Adicionar a declaração" },

  // A span of time.
  unit: { en: "Unit", "pt-BR": "Unidade" },
  unit_s: { en: "Seconds", "pt-BR": "Segundos" },
  unit_m: { en: "Minutes", "pt-BR": "Minutos" },
  unit_h: { en: "Hours", "pt-BR": "Horas" },
  unit_d: { en: "Days", "pt-BR": "Dias" },
});
