// Letting people in: by name and password, or by a key, as the server wants it.
import { html, useState } from "../libraries/ui.js";
import { Problem, begin, call, keepKey, options } from "../core/api.js";
import { reason, t } from "../core/words.js";
import { Field, Section } from "../components/basics.js";

/** A form that sends its fields, and shows what was wrong with them. @param {any} props */
function Form({ id, send, children, button }) {
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    setWrong("");
    setBusy(true);
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setWrong(reason(error));
      form.querySelectorAll("input[type=password]").forEach((each) => (each.value = ""));
    } finally {
      setBusy(false);
    }
  };
  return html`<form id=${id} class="access" onSubmit=${submit}>${children}
    <p id="refused" class="wrong" role="alert">${wrong}</p><button class="main" disabled=${busy}>${button}</button></form>`;
}

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
    <${Form} id="login" send=${send} button=${t("login.enter")}>
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
    <${Form} id="access" send=${send} button=${t("login.enter")}>
      <${Field} label=${t("login.key")} name="key" type="password" required autocomplete="off" spellcheck="false"
        pattern="\\s*[!-~]+\\s*" hint=${t("login.key_about")} />
    <//>
  <//>`;
}
