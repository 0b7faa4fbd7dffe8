// How often a student was there, in each class.
import { html } from "../libraries/ui.js";
import { day, number, t } from "../core/words.js";
import { Empty, Section } from "./basics.js";
import { MeetingLink } from "./meeting_link.js";

const COUNTED = ["present", "late", "excused", "absent"];

/** @param {{ classes: any[], meetings?: boolean }} props `meetings`: each class with its meetings, the latest first */
export function AttendanceByClass({ classes, meetings = false }) {
  if (!classes.length) return html`<${Section} title=${t("attendance.by_class")} id="attendance-title"><${Empty} text=${t("attendance.none")} /><//>`;
  return html`<${Section} title=${t("attendance.by_class")} id="attendance-title">
    <div class="scroll" tabindex="0" role="region" aria-label=${t("attendance.by_class")}><table id="by-class" class="stacked">
      <thead><tr><th scope="col">${t("class")}</th>${COUNTED.map((each) => html`<th scope="col" class="numeric">${t(`status.${each}`)}</th>`)}
        <th scope="col" class="numeric">${t("attendance.rate")}</th><th scope="col" class="numeric">${t("students.taken_part")}</th></tr></thead>
      <tbody>${classes.map((each) => html`<tr key=${each.clase}><th scope="row">${each.clase}${!each.member && html` <small>${t("attendance.left")}</small>`}</th>
        ${COUNTED.map((name) => html`<td class="numeric" data-label=${t(`status.${name}`)}>${number(each.attendance[name])}</td>`)}
        <td class="numeric" data-label=${t("attendance.rate")}>${each.attendance.rate === null ? "–" : number(each.attendance.rate, { style: "percent", maximumFractionDigits: 0 })}</td>
        <td class="numeric" data-label=${t("students.taken_part")}>${number(each.participations)}</td></tr>`)}</tbody></table></div>
    ${meetings && classes.filter((each) => each.meetings.length).map((each) => html`<details key=${each.clase}><summary>${t("attendance.meetings", { clase: each.clase })}</summary>
      <ul class="plain meetings">${[...each.meetings].reverse().filter((one) => one.status).map((one) => html`<li><${MeetingLink} session=${one.session}><span>${day(one.fecha)}${one.starts ? `, ${one.starts}` : ""}</span><//>
        <span class=${one.status}>${t(`status.${one.status}`)}</span></li>`)}</ul></details>`)}
  <//>`;
}
