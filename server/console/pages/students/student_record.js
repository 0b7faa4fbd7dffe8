// One student: the record, consent, attendance, photos, and what can be changed.
import { html, useState } from "../../libraries/ui.js";
import { call, download, me } from "../../core/api.js";
import { mayManage, seesPhotos } from "../../core/roles.js";
import { to } from "../../core/router.js";
import { day, number, t } from "../../core/words.js";
import { Action, Section, Waiting, useLoaded } from "../../components/basics.js";
import { AttendanceByClass } from "../../components/attendance_by_class.js";
import { addressOf } from "../../components/stored_photo.js";
import { StoredPhotos } from "../../components/stored_photos.js";
import { ConsentOnRecord } from "./consent.js";
import { Editing } from "./editing.js";
import { Erasing } from "./erasing.js";
import { Lookalikes } from "./lookalikes.js";
import { Merging } from "./merging.js";
import { MorePhotos } from "./more_photos.js";

/** A student with what belongs to it, photos where the reader may see them. @param {string} matricula */
export function useStudent(matricula) {
  return useLoaded(async (signal) => {
    const [student, statistics, stored] = await Promise.all([
      call("GET", addressOf(matricula), { signal }),
      call("GET", `/v1/statistics/students/${encodeURIComponent(matricula)}`, { signal }),
      seesPhotos(me.value?.role) ? call("GET", `${addressOf(matricula)}/images`, { signal }) : null,
    ]);
    return { student, classes: statistics.classes, photos: stored?.photos ?? null };
  }, [matricula]);
}

/** @param {{ matricula: string }} props */
export function StudentRecord({ matricula }) {
  const { found, problem, again } = useStudent(matricula);
  const [open, setOpen] = useState(/** @type {"" | "editing" | "merging" | "erasing"} */ (""));
  if (!found) return html`<${Back} /><${Waiting} problem=${problem} again=${again} />`;
  const { student, classes, photos } = found;
  const manages = mayManage(me.value?.role);
  const close = () => setOpen("");
  const actions = manages && html`<button type="button" onClick=${() => setOpen("editing")}>${t("students.edit")}</button>
    <${Action} id="data" act=${() => download(`${addressOf(matricula)}/data`, { format: "zip" }, `${matricula}.zip`)}>${t("students.data")}<//>
    <button type="button" onClick=${() => setOpen("merging")}>${t("merge")}</button>
    <button type="button" class="danger" onClick=${() => setOpen("erasing")}>${t("students.erase")}</button>`;
  return html`<${Back} />
    <${Section} title=${student.nombre_del_alumno} id="student-title" actions=${actions}>
      <${Facts} student=${student} />
      ${student.aviso && html`<p class="late">${t(`look_at.${student.aviso}`)}
        ${manages && student.aviso === "possible_duplicate" && html` <${Lookalikes} matricula=${matricula} />`}
        ${manages && html` <${Action} act=${() => call("PATCH", addressOf(matricula), { json: { aviso: "" } }).then(again)}>${t("students.looked_at")}<//>`}</p>`}
    <//>
    <${AttendanceByClass} classes=${classes} meetings />
    ${photos && html`<${Section} title=${t("students.photos")} id="photos-title"><${StoredPhotos} matricula=${matricula} photos=${photos} erases=${manages} changed=${again} /><//>`}
    <${ConsentOnRecord} student=${student} manages=${manages} changed=${again} />
    ${manages && !student.consentimiento?.retirado && html`<${MorePhotos} student=${student} asks=${true} done=${again} />`}
    ${open === "editing" && html`<${Editing} student=${student} close=${close} done=${() => (close(), again())} />`}
    ${open === "merging" && html`<${Merging} student=${student} photos=${photos ?? []} close=${close} done=${() => (close(), again())} />`}
    ${open === "erasing" && html`<${Erasing} student=${student} close=${close} />`}`;
}

const Back = () => html`<p><a href=${to(["students"])} onClick=${back}>← ${t("page.students")}</a></p>`;

/** To the list as it was left, if it was there that the reader came from. @param {Event} event */
function back(event) {
  if (history.length < 2 || !cameFromList) return;
  event.preventDefault();
  history.back();
}
let cameFromList = false;
addEventListener("hashchange", (event) => {
  cameFromList = /#\/students(\?|$)/.test(event.oldURL);
});

/** @param {{ student: any }} props */
export function Facts({ student }) {
  const registered = student.fecha_de_registro.slice(0, 10);
  const facts = [
    ["matricula", student.matricula], ["classes", [student.clase, ...student.otras_clases].filter(Boolean).join(", ") || t("students.no_class")],
    ["students.registered", registered && day(registered, { dateStyle: "medium" })], ["students.photos", number(student.images)],
    ["students.attended", number(student.asistencias)], ["students.taken_part", number(student.participaciones)],
  ];
  return html`<dl id="facts">${facts.map(([name, value]) => html`<div><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>`;
}
