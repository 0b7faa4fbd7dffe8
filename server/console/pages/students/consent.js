// The consent of a student: asked with the school's text, shown with who gave it and until when, and withdrawn.
import { html, useState } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { status } from "../../core/server_status.js";
import { day, t, when } from "../../core/words.js";
import { Action, Dialog, Field, Section, told } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";

/** @typedef {{ fecha: string, texto: string, otorgado_por?: string, tutor?: string, parentesco?: string, hasta?: string, retirado?: string, motivo?: string }} Consent */

/** The text that people are asked to agree to. */
const schoolText = () => status.value?.consent_text || t("consent.text");

/** What is agreed to in a form: null until it is ticked and whole. @returns {[Consent | null, any]} the consent, and the fields that ask for it */
export function useConsent() {
  const [agreed, setAgreed] = useState(false);
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [more, setMore] = useState({ otorgado_por: "", tutor: "", parentesco: "", hasta: "" });
  const said = text ?? schoolText();
  const required = Boolean(status.value?.consent_required);
  const typed = (name) => ({ id: `consent-${name}`, value: more[name], onInput: (event) => setMore({ ...more, [name]: event.target.value }) });
  const byGuardian = more.otorgado_por === "tutor";
  const fields = html`<fieldset class="consent"><legend>${t("consent")}</legend>
    <${Field} label=${t("consent.asked")} name="texto" hint=${t("consent.asked_about")}>
      <textarea id="texto" rows="3" aria-describedby="texto-hint" value=${said} onInput=${(event) => setText(event.target.value)}></textarea><//>
    <${Field} label=${t("consent.given_by")} name="consent-otorgado_por"><select ...${typed("otorgado_por")}>${["", "alumno", "tutor"].map((each) => html`<option value=${each}>${t(`consent.by.${each || "unsaid"}`)}</option>`)}</select><//>
    ${byGuardian && html`<${Field} label=${t("consent.guardian")} name="consent-tutor"><input ...${typed("tutor")} /><//>
      <${Field} label=${t("consent.relation")} name="consent-parentesco"><input ...${typed("parentesco")} /><//>`}
    <${Field} label=${t("consent.until")} name="consent-hasta"><input type="date" min=${status.value?.today} ...${typed("hasta")} /><//>
    <label class="check"><input type="checkbox" id="agreed" checked=${agreed} onChange=${(event) => setAgreed(event.target.checked)} />${t("consent.agreed")}</label>
    ${required && !agreed && html`<p class="quiet">${t("consent.required")}</p>`}
  </fieldset>`;
  const guardian = byGuardian ? { tutor: more.tutor.trim(), parentesco: more.parentesco.trim() } : {};
  const given = Object.fromEntries(Object.entries({ otorgado_por: more.otorgado_por, hasta: more.hasta, ...guardian }).filter(([, value]) => value));
  const whole = agreed && said.trim() && (!byGuardian || more.tutor.trim());
  return [whole ? { fecha: status.value?.today ?? "", texto: said.trim(), ...given } : null, fields];
}

/** What is on record. @param {{ held: Consent | null }} props */
export function ConsentHeld({ held }) {
  if (!held) return html`<p class="late">${t("consent.none")}</p>`;
  const by = held.otorgado_por && t(`consent.was_by.${held.otorgado_por}`, { name: held.tutor ?? "", relation: held.parentesco ? ` (${held.parentesco})` : "" });
  const long = (/** @type {string} */ fecha) => day(fecha.slice(0, 10), { dateStyle: "long" });
  return html`${held.retirado && html`<p class="wrong" id="withdrawn">${t(`consent.ended.${held.motivo}`, { moment: when(held.retirado) })}</p><p>${t("consent.ended_about")}</p>`}
    ${held.fecha && html`<p><strong>${t("consent.on", { day: long(held.fecha) })}</strong>${by && html` · ${by}`}${held.hasta && html` · ${t("consent.holds_until", { day: long(held.hasta) })}`}</p><p>${held.texto}</p>`}`;
}

/** @param {{ student: any, manages: boolean, changed: () => void }} props */
export function ConsentOnRecord({ student, manages, changed }) {
  const [open, setOpen] = useState(/** @type {"" | "giving" | "withdrawing"} */ (""));
  const held = student.consentimiento;
  const holds = held && !held.retirado;
  const done = () => (setOpen(""), told(t("saved")), changed());
  const actions = manages && html`${(!holds || held.hasta) && html`<button type="button" onClick=${() => setOpen("giving")}>${t(held ? "consent.give_anew" : "consent.give")}</button>`}
    ${!held?.retirado && html`<button type="button" onClick=${() => setOpen("withdrawing")}>${t("consent.withdraw")}</button>`}`;
  return html`<${Section} title=${t("consent")} id="consent-title" actions=${actions}>
    <${ConsentHeld} held=${held} />
    ${open === "giving" && html`<${Giving} matricula=${student.matricula} close=${() => setOpen("")} done=${done} />`}
    ${open === "withdrawing" && html`<${Withdrawing} student=${student} close=${() => setOpen("")} changed=${changed} />`}
  <//>`;
}

/** Asks whether a consent is to be withdrawn, and shows the code of the receipt to come. @param {{ student: any, close: () => void, changed: () => void }} props */
export function Withdrawing({ student, close, changed }) {
  const [done, setDone] = useState(/** @type {any} */ (null));
  const withdraw = async () => setDone(await call("POST", `${addressOf(student.matricula)}/consent/withdraw`));
  const leave = () => (close(), done && changed());
  return html`<${Dialog} title=${t("consent.withdraw")} close=${leave}>${done
    ? html`<p>${t("consent.withdrawn", { moment: when(done.erased_at) })}</p><p>${t("consent.receipt")}</p><p><code id="receipt-code">${done.receipt_code}</code></p>
        <p><button type="button" class="main" id="close-withdrawn" onClick=${leave}>${t("consent.close")}</button></p>`
    : html`<p>${t("consent.withdraw_about", { name: student.nombre_del_alumno })}</p><${Action} class="danger" id="withdraw" act=${withdraw}>${t("consent.withdraw")}<//>`}<//>`;
}

/** Store a consent. @param {string} matricula @param {Consent} consentimiento */
export const put = (matricula, consentimiento) => call("PATCH", addressOf(matricula), { json: { consentimiento } });

/** @param {{ matricula: string, close: () => void, done: () => void }} props */
function Giving({ matricula, close, done }) {
  const [consent, fields] = useConsent();
  return html`<${Dialog} title=${t("consent.give")} close=${close}>${fields}
    <p><${Action} class="main" id="give" disabled=${!consent} act=${() => put(matricula, /** @type {Consent} */ (consent)).then(done)}>${t("save")}<//></p><//>`;
}
