// Letting people in: by name and password, or by a key, as the server wants it.
import { html } from "../libraries/ui.js";
import { begin, call, keepKey, options } from "../core/api.js";
import { t } from "../core/words.js";
import { Field, Section } from "../components/basics.js";
import { Form } from "../components/form.js";

/** What stands before the console where no one is logged in. */
export function Login() {
  return html`<main id="main" class="narrow">${options.value.accounts ? html`<${Account} />` : html`<${Key} />`}</main>`;
}

function Account() {
  const first = options.value.setup;
  const send = async ({ code, name, password }) => {
    const fields = { name: name.trim(), password };
    if (first) await call("POST", "/v1/setup", { json: { code: code.trim(), ...fields } });
    await call("POST", "/v1/login", { json: fields });
    await begin();
  };
  return html`<${Section} title=${t(first ? "login.first" : "login.title")} id="login-title">
    ${first && html`<p class="quiet">${t("login.first_about")}</p>`}
    <${Form} secret id="login" send=${send} button=${t("login.enter")}>
      ${first && html`<${Field} label=${t("login.code")} name="code" required autocomplete="off" spellcheck="false" />`}
      <${Field} label=${t("login.name")} name="name" required autocomplete="username" autocapitalize="none" spellcheck="false" />
      <${Field} label=${t("login.password")} name="password" type="password" required
        autocomplete=${first ? "new-password" : "current-password"} hint=${first ? t("login.password_rule") : ""} />
    <//>
  <//>`;
}

function Key() {
  const send = async ({ key }) => {
    keepKey(key.trim());
    try {
      await call("GET", "/v1/session");
    } catch (error) {
      keepKey(null);
      throw error;
    }
    await begin();
  };
  return html`<${Section} title=${t("login.key_title")} id="login-title">
    <${Form} secret id="access" send=${send} button=${t("login.enter")}>
      <${Field} label=${t("login.key")} name="key" type="password" required autocomplete="off" spellcheck="false"
        pattern="\\s*[!-~]+\\s*" hint=${t("login.key_about")} />
    <//>
  <//>`;
}
