// Erasing a student: what goes, what stays, and the matricula typed to confirm it.
import { html, useState } from "../../libraries/ui.js";
import { ask, call, saveAs } from "../../core/api.js";
import { go } from "../../core/router.js";
import { number, t } from "../../core/words.js";
import { Action, Dialog, Field, Waiting, told, useLoaded } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";

const GOES = ["photos", "templates", "accounts", "keys", "session_photos", "unknown_faces"];
const STAYS = ["attendance_entries", "participation_entries"];

/** @param {{ student: any, close: () => void }} props */
export function Erasing({ student, close }) {
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState(false);
  const { found, problem, again } = useLoaded((signal) => call("GET", `${addressOf(student.matricula)}/erasure`, { signal }), [student.matricula]);
  const erase = async () => {
    const reply = await ask("DELETE", addressOf(student.matricula), { query: { asked: asked || undefined } });
    keepReceipt(reply.headers.get("Presente-Receipt"), student.matricula);
    told(t("students.erased", { name: student.nombre_del_alumno }));
    go(["students"]);
  };
  return html`<${Dialog} title=${t("students.erase_who", { name: student.nombre_del_alumno })} close=${close}>
    ${found ? html`<${Holdings} title=${t("erasure.goes")} held=${found} names=${GOES} id="goes" /><${Holdings} title=${t("erasure.stays")} held=${found} names=${STAYS} id="stays" />`
      : html`<${Waiting} problem=${problem} again=${again} />`}
    <p class="wrong">${t("erasure.final")}</p>
    <label class="check"><input type="checkbox" id="asked" checked=${asked} onChange=${(event) => setAsked(event.target.checked)} />${t("erasure.asked")}</label>
    <p class="quiet">${t("erasure.receipt")}</p>
    <${Field} label=${t("students.erase_type", { matricula: student.matricula })} name="sure" autocomplete="off" autocapitalize="none" spellcheck="false" onInput=${(event) => setTyped(event.target.value)} />
    <${Action} class="danger" id="erase" disabled=${!found || typed.trim() !== student.matricula} act=${erase}>${t("students.erase")}<//>
  <//>`;
}

/** Save a receipt as a file. @param {string | null} text as the header has it @param {string} matricula */
function keepReceipt(text, matricula) {
  if (!text) return;
  const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  saveAs(new Blob([bytes], { type: "application/json" }), `receipt-${matricula}.json`);
}

/** @param {{ title: string, held: any, names: string[], id: string }} props */
export function Holdings({ title, held, names, id }) {
  return html`<h3>${title}</h3><dl id=${id} class="counts">${names.map((name) => html`<div><dt>${t(`erasure.${name}`)}</dt><dd>${number(held[name])}</dd></div>`)}</dl>
    ${names.includes("session_photos") && held.session_photos > 0 && html`<p class="late" id="session-photos">${t("erasure.session_photos_about")}</p>`}`;
}
