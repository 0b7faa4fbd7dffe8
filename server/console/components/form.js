// A form that sends its fields, and shows what was wrong with them.
import { html, useState } from "../libraries/ui.js";
import { Problem } from "../core/api.js";
import { reason } from "../core/words.js";

/** @param {{ id: string, send: (fields: any) => Promise<void>, button: string, children?: any }} props */
export function Form({ id, send, children, button }) {
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
