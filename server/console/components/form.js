// A form that sends its fields once, and shows what was wrong with them.
import { html, useState } from "../libraries/ui.js";
import { Problem } from "../core/api.js";
import { reason } from "../core/words.js";
import { Refused, failed, useWork } from "./basics.js";

/** Fields that a refusal is about, by its code; the server names those of a student itself. @type {Record<string, string[]>} */
const ABOUT = {
  invalid_name: ["name"], name_taken: ["name"], invalid_password: ["password", "new_password"], wrong_current_password: ["current"],
  wrong_setup_code: ["code"], student_not_found: ["matricula"], invalid_times: ["ends"], session_exists: ["starts"],
};

/**
 * @param {{ id: string, send: (fields: any, form: HTMLFormElement) => Promise<void>, button: string, secret?: boolean, disabled?: boolean, children?: any }} props
 *   `secret`: passwords are typed again after a refusal.
 */
export function Form({ id, send, children, button, secret, disabled }) {
  const [refused, setRefused] = useState(/** @type {{ field: string, text: string } | null} */ (null));
  const [busy, begin] = useWork();
  const submit = (event) => {
    event.preventDefault();
    const form = event.target;
    setRefused(null);
    begin(() => send(Object.fromEntries(new FormData(form)), form), (error) => {
      if (!(error instanceof Problem)) return failed(error);
      const field = [error.more.field, ...(ABOUT[error.code] ?? [])].find((each) => each && each in form.elements) ?? "";
      setRefused({ field, text: reason(error) });
      if (secret) form.querySelectorAll("input[type=password]").forEach((each) => (each.value = ""));
      form.elements[field]?.focus();
    });
  };
  return html`<form id=${id} onSubmit=${submit}><${Refused.Provider} value=${refused}>${children}<//>
    <p id="refused" class="wrong" role="alert">${refused && !refused.field && refused.text}</p><button class="main" aria-busy=${busy} disabled=${busy || disabled}>${button}</button></form>`;
}
