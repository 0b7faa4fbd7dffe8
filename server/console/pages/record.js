// A student's own page: the record, attendance, photos, and more photos where the school lets students add them.
import { html, useState } from "../libraries/ui.js";
import { download, me } from "../core/api.js";
import { t } from "../core/words.js";
import { AttendanceByClass } from "../components/attendance_by_class.js";
import { Action, Empty, Section, Waiting } from "../components/basics.js";
import { addressOf } from "../components/stored_photo.js";
import { StoredPhotos } from "../components/stored_photos.js";
import { MorePhotos } from "./students/more_photos.js";
import { ConsentHeld, Withdrawing } from "./students/consent.js";
import { Facts, useStudent } from "./students/student_record.js";

export function Record() {
  const matricula = me.value?.matricula;
  return matricula ? html`<${Own} matricula=${matricula} />` : html`<${Empty} text=${t("no_page")} />`;
}

/** @param {{ matricula: string }} props */
function Own({ matricula }) {
  const { found, problem, again } = useStudent(matricula);
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  const { student, classes, photos } = found;
  return html`<${Section} title=${student.nombre_del_alumno} id="student-title"><${Facts} student=${student} /><//>
    <${AttendanceByClass} classes=${classes} meetings />
    <${Section} title=${t("students.photos")} id="photos-title"><${StoredPhotos} matricula=${matricula} photos=${photos ?? []} erases=${false} changed=${again} />
      ${!me.value?.adds_photos && html`<p class="quiet">${t("record.no_photos")}</p>`}<//>
    ${me.value?.adds_photos && !student.consentimiento?.retirado && html`<${MorePhotos} student=${student} asks=${false} facing="user" done=${again} />`}
    <${OwnConsent} student=${student} changed=${again} />`;
}

/** What the student agreed to, that it can be withdrawn, and everything that is held. @param {{ student: any, changed: () => void }} props */
function OwnConsent({ student, changed }) {
  const [withdrawing, setWithdrawing] = useState(false);
  const actions = html`<${Action} id="own-data" act=${() => download(`${addressOf(student.matricula)}/data`, { format: "zip" }, "data.zip")}>${t("record.data")}<//>
    ${!student.consentimiento?.retirado && html`<button type="button" onClick=${() => setWithdrawing(true)}>${t("consent.withdraw")}</button>`}`;
  return html`<${Section} title=${t("consent")} id="consent-title" actions=${actions}><${ConsentHeld} held=${student.consentimiento} />
    ${withdrawing && html`<${Withdrawing} student=${student} close=${() => setWithdrawing(false)} changed=${changed} />`}<//>`;
}
