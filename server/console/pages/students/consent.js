// The consent of a student: asked with the school's text, shown, and taken back.
import { html, useState } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { status } from "../../core/server_status.js";
import { day, t } from "../../core/words.js";
import { Action, Dialog, Field, Section, told } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";

/** @typedef {{ fecha: string, texto: string }} Consent */

/** The text that people are asked to agree to. */
const schoolText = () => status.value?.consent_text || t("consent.text");

/** What is agreed to in a form: null until it is ticked. @returns {[Consent | null, any]} the consent, and the fields that ask for it */
export function useConsent() {
  const [agreed, setAgreed] = useState(false);
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const said = text ?? schoolText();
  const required = Boolean(status.value?.consent_required);
  const fields = html`<fieldset class="consent"><legend>${t("consent")}</legend>
    <${Field} label=${t("consent.asked")} name="texto" hint=${t("consent.asked_about")}>
      <textarea id="texto" rows="3" aria-describedby="texto-hint" value=${said} onInput=${(event) => setText(event.target.value)}></textarea><//>
    <label class="check"><input type="checkbox" id="agreed" checked=${agreed} onChange=${(event) => setAgreed(event.target.checked)} />${t("consent.agreed")}</label>
    ${required && !agreed && html`<p class="quiet">${t("consent.required")}</p>`}
  </fieldset>`;
  return [agreed && said.trim() ? { fecha: status.value?.today ?? "", texto: said.trim() } : null, fields];
}

/** @param {{ student: any, manages: boolean, changed: () => void }} props */
export function ConsentOnRecord({ student, manages, changed }) {
  const [open, setOpen] = useState(/** @type {"" | "giving" | "withdrawing"} */ (""));
  const held = student.consentimiento;
  const done = () => (setOpen(""), told(t("saved")), changed());
  const actions = manages && (held ? html`<button type="button" onClick=${() => setOpen("withdrawing")}>${t("consent.withdraw")}</button>`
    : html`<button type="button" onClick=${() => setOpen("giving")}>${t("consent.give")}</button>`);
  return html`<${Section} title=${t("consent")} id="consent-title" actions=${actions}>
    ${held ? html`<p><strong>${t("consent.on", { day: day(held.fecha.slice(0, 10), { dateStyle: "long" }) })}</strong></p><p>${held.texto}</p>` : html`<p class="late">${t("consent.none")}</p>`}
    ${open === "giving" && html`<${Giving} matricula=${student.matricula} close=${() => setOpen("")} done=${done} />`}
    ${open === "withdrawing" && html`<${Dialog} title=${t("consent.withdraw")} close=${() => setOpen("")}><p>${t("consent.withdraw_about", { name: student.nombre_del_alumno })}</p>
      <${Action} class="danger" id="withdraw" act=${() => put(student.matricula, null).then(done)}>${t("consent.withdraw")}<//><//>`}
  <//>`;
}

/** Store a consent, or that there is none any more. @param {string} matricula @param {Consent | null} consentimiento */
export const put = (matricula, consentimiento) => call("PATCH", addressOf(matricula), { json: { consentimiento } });

/** @param {{ matricula: string, close: () => void, done: () => void }} props */
function Giving({ matricula, close, done }) {
  const [consent, fields] = useConsent();
  return html`<${Dialog} title=${t("consent.give")} close=${close}>${fields}
    <p><${Action} class="main" id="give" disabled=${!consent} act=${() => put(matricula, consent).then(done)}>${t("save")}<//></p><//>`;
}
