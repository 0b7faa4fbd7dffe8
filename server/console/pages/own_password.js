// The own password, changed by its owner.
import { html } from "../libraries/ui.js";
import { call, me } from "../core/api.js";
import { t } from "../core/words.js";
import { Dialog, Field, told } from "../components/basics.js";
import { Form } from "../components/form.js";

/** @param {{ close: () => void }} props */
export function OwnPassword({ close }) {
  const send = async ({ current, new_password }) => {
    me.value = await call("POST", "/v1/password", { json: { current, new: new_password } });
    told(t("password.changed"));
    close();
  };
  const name = me.value?.name.replace(/^user:/, "");
  return html`<${Dialog} title=${t("password.title")} close=${close}>
    <p class="quiet">${t("password.about")}</p>
    <${Form} secret id="own-password" send=${send} button=${t("password.change")}>
      <input type="text" name="username" autocomplete="username" value=${name} readonly hidden />
      <${Field} label=${t("password.current")} name="current" type="password" required autocomplete="current-password" />
      <${Field} label=${t("password.new")} name="new_password" type="password" required minlength="10"
        autocomplete="new-password" hint=${t("login.password_rule")} />
    <//>
  <//>`;
}
