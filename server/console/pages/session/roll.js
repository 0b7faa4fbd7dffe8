// The roll of a session, and what a person says of a line.
import { html } from "../../libraries/ui.js";
import { hour, t } from "../../core/words.js";
import { Action, Section, failed } from "../../components/basics.js";

const STATUSES = ["present", "late", "excused", "absent"];

/** Doubtful lines first. @param {any} props `review`: shows the face that a line waits for; nothing where it cannot be shown */
export function Roll({ roll, open, say, undo, takePart, review }) {
  const lines = [...roll].sort((a, b) => Number(b.status === "waiting") - Number(a.status === "waiting"));
  return html`<${Section} title=${t("session.roll")} id="roll-title"><div class="scroll" tabindex="0" role="region" aria-label=${t("session.roll")}><table id="roll" class="stacked">
    <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("matricula")}</th><th scope="col">${t("session.status")}</th>
      <th scope="col">${t("session.since")}</th>${open && html`<th scope="col">${t("session.correct")}</th>`}</tr></thead>
    <tbody>${lines.map((line) => html`<tr key=${line.matricula} data-matricula=${line.matricula}>
      <th scope="row">${line.nombre_del_alumno}</th><td>${line.matricula}</td><td class=${line.status}>${t(`status.${line.status}`)}${line.reason && html` <small>${t(`waits.${line.reason}`)}</small>`}${line.note && html` <small>${line.note}</small>`}</td>
      <td data-label=${t("session.since")}>${line.since && hour(line.since)}</td>
      ${open && html`<td><div class="actions">${line.status === "waiting" && review(line) && html`<${Action} class="main" act=${review(line)} aria-label=${t("session.review_of", { name: line.nombre_del_alumno })}>${t("session.review")}<//>`}<${Status} line=${line} say=${say} />
        <${Action} act=${() => takePart(line)} aria-label=${t("session.takes_part_of", { name: line.nombre_del_alumno })}>${t("session.takes_part")}<//>
        ${line.entry && html`<${Action} act=${() => undo({ entry: line.entry })} aria-label=${t("session.undo_of", { name: line.nombre_del_alumno })}>${t("undo")}<//>`}</div></td>`}
    </tr>`)}</tbody></table></div><//>`;
}

/** The status of a line, to be corrected; it shows what is recorded. @param {any} props */
function Status({ line, say }) {
  const correct = async (event) => {
    const select = event.target;
    try {
      await say({ matricula: line.matricula, status: select.value });
    } catch (error) {
      select.value = line.status;
      failed(error);
    }
  };
  return html`<select aria-label=${t("session.correct_of", { name: line.nombre_del_alumno })} value=${line.status} onChange=${correct}>
    ${!STATUSES.includes(line.status) && html`<option value=${line.status} disabled>${t(`status.${line.status}`)}</option>`}
    ${STATUSES.map((each) => html`<option value=${each}>${t(`status.${each}`)}</option>`)}</select>`;
}
