import { messages } from "../../i18n/text";

export default messages({
  title: { en: "Sign in to Kindred", "pt-BR": "Entrar no Kindred" },
  how: { en: "Sign in with", "pt-BR": "Entrar com" },
  password: { en: "User name and password", "pt-BR": "Nome de usuário e senha" },
  accessKey: { en: "Access key", "pt-BR": "Chave de acesso" },
  userName: { en: "User name", "pt-BR": "Nome de usuário" },
  passwordField: { en: "Password", "pt-BR": "Senha" },
  accessKeyId: { en: "Access key ID", "pt-BR": "ID da chave de acesso" },
  secretAccessKey: { en: "Secret access key", "pt-BR": "Chave de acesso secreta" },
  keyHint: {
    en: "The key signs you in for this session only. It is neither kept in the browser nor sent again.",
    "pt-BR": "A chave serve somente para entrar nesta sessão. Ela não fica no navegador nem é enviada de novo.",
  },
  submit: { en: "Sign in", "pt-BR": "Entrar" },
  needUserName: { en: "Enter your user name", "pt-BR": "Informe o nome de usuário" },
  needPassword: { en: "Enter your password", "pt-BR": "Informe a senha" },
  needAccessKeyId: { en: "Enter the access key ID", "pt-BR": "Informe o ID da chave de acesso" },
  needSecret: { en: "Enter the secret access key", "pt-BR": "Informe a chave de acesso secreta" },
  failed: { en: "That did not sign you in", "pt-BR": "Não foi possível entrar" },
  failedText: {
    en: "Check what you entered. Capital and small letters differ.",
    "pt-BR": "Confira o que informou. Maiúsculas e minúsculas são diferentes.",
  },
  linkFailed: {
    en: "The link was used before, or is too old. Sign in in another way, or start the server again for a new link.",
    "pt-BR": "O link já foi usado ou é antigo demais. Entre de outra forma ou reinicie o servidor para obter um novo link.",
  },
  tooMany: {
    en: { one: "Too many attempts. Wait {count} second.", other: "Too many attempts. Wait {count} seconds." },
    "pt-BR": { one: "Tentativas demais. Aguarde {count} segundo.", other: "Tentativas demais. Aguarde {count} segundos." },
  },
  expired: { en: "Your session has ended", "pt-BR": "Sua sessão terminou" },
  expiredText: { en: "Sign in again; you go on with the page where you were.", "pt-BR": "Entre novamente; você continua na página em que estava." },
  signedOut: { en: "You have signed out", "pt-BR": "Você saiu" },
  logo: { en: "Logo", "pt-BR": "Logotipo" },
  language: { en: "Language", "pt-BR": "Idioma" },
});
