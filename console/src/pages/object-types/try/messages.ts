import { messages } from "../../../i18n/text";

export default messages({
  record: { en: "Record", "pt-BR": "Registro" },
  recordHint: { en: "Paste one as it comes from its source, or choose one. Nothing is stored.", "pt-BR": "Cole um como vem da fonte ou escolha um. Nada é gravado." },
  stored: { en: "Choose a stored one", "pt-BR": "Escolher um gravado" },
  letter: { en: "Choose a dead letter", "pt-BR": "Escolher uma mensagem morta" },
  notRecord: { en: "A record is a JSON object, in braces", "pt-BR": "Um registro é um objeto JSON, entre chaves" },
  tooLarge: { en: "A record has at most 256,000 characters", "pt-BR": "Um registro tem no máximo 256.000 caracteres" },
  nothingYet: { en: "No record yet", "pt-BR": "Nenhum registro ainda" },
  nothingYetText: {
    en: "What would become of a record, and why, is shown here: the values that are read, which key finds which profile, and what the profile would be.",
    "pt-BR": "Aqui se vê o que aconteceria com um registro, e por quê: os valores lidos, qual chave encontra qual perfil e como o perfil ficaria.",
  },
  trying: { en: "Trying the record", "pt-BR": "Testando o registro" },
  mendFirst: {
    en: "The object type has mistakes. What is shown is of before; it follows as soon as they are mended.",
    "pt-BR": "O tipo de objeto tem erros. O que se vê é de antes; será atualizado assim que forem corrigidos.",
  },

  storedTitle: { en: "Choose a stored record", "pt-BR": "Escolher um registro gravado" },
  key: { en: "Key", "pt-BR": "Chave" },
  value: { en: "Value", "pt-BR": "Valor" },
  search: { en: "Search", "pt-BR": "Pesquisar" },
  clear: { en: "Clear", "pt-BR": "Limpar" },
  cancel: { en: "Cancel", "pt-BR": "Cancelar" },
  close: { en: "Close the dialog", "pt-BR": "Fechar a caixa de diálogo" },
  searchFirst: { en: "Search for the profile that has the record.", "pt-BR": "Pesquise o perfil que tem o registro." },
  found: { en: "Records found", "pt-BR": "Registros encontrados" },
  loading: { en: "Loading", "pt-BR": "Carregando" },
  noProfile: { en: "No profile has this value", "pt-BR": "Nenhum perfil tem este valor" },
  noObjects: { en: "The profiles with this value have no records of this type", "pt-BR": "Os perfis com este valor não têm registros deste tipo" },
  profile: { en: "Profile", "pt-BR": "Perfil" },
  unnamed: { en: "(no name)", "pt-BR": "(sem nome)" },
  use: { en: "Use", "pt-BR": "Usar" },
  useThe: { en: "Use the record {record}", "pt-BR": "Usar o registro {record}" },
  onlySome: { en: "There are more. Search for a value that fewer have.", "pt-BR": "Há mais. Pesquise um valor que menos perfis tenham." },

  lettersTitle: { en: "Choose a dead letter", "pt-BR": "Escolher uma mensagem morta" },
  letters: { en: "Dead letters of this type", "pt-BR": "Mensagens mortas deste tipo" },
  noLetters: { en: "No dead letters of this type", "pt-BR": "Nenhuma mensagem morta deste tipo" },
  time: { en: "Time", "pt-BR": "Data" },
  error: { en: "Error", "pt-BR": "Erro" },
});
