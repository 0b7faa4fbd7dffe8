// Faces that were identified, in words.
import { html } from "../libraries/ui.js";
import { number, t } from "../core/words.js";
import { inWords } from "./advice.js";
import { Action } from "./basics.js";

/** @param {any} face of an identification @returns {string} a name, short enough for a frame */
export function shortName(face) {
  const name = face.decision === "duplicate" ? face.candidates[0].nombre_del_alumno : face.nombre;
  if (face.decision === "undecided") return `${face.candidates[0]?.nombre_del_alumno.split(" ")[0] ?? ""}?`;
  return (face.decision === "duplicate" ? "= " : "") + (face.decision === "unknown" ? t("unknown") : name.split(" ")[0]);
}

/** @param {any} face @returns {string} */
export function wholeName(face) {
  if (face.decision === "duplicate") return t("face.another_of", { name: face.candidates[0].nombre_del_alumno });
  if (face.decision === "undecided") return t(`face.${face.reason}`, { name: face.candidates[0]?.nombre_del_alumno ?? "" });
  return face.decision === "known" ? face.nombre : t(face.decision === "ambiguous" ? "face.ambiguous" : "unknown");
}

/**
 * What a score means, in words: how many strangers in how many would score as high.
 * @param {{ score: number | null, fpir: number | null }} found
 */
export function meaning({ score, fpir }) {
  if (score === null) return "";
  if (fpir === null || fpir === undefined) return t("score.uncalibrated");
  if (fpir <= 0.00001) return t("score.hardly_any");
  return t("score.one_in", { n: number(Math.round(1 / fpir)) });
}

/** Whether a face was taken for a live person's, in words. @param {any} liveness of a face */
export const liveInWords = (liveness) => t(`live.${liveness.reason ?? liveness.decision}`);

/**
 * @param {{ faces: any[], notThisPerson?: (face: any, index: number) => Promise<void> }} props
 *   ``notThisPerson``: what a known face is refused by; without it no one may.
 */
export function FaceTable({ faces, notThisPerson }) {
  const judged = faces.some((face) => face.liveness);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("face.list")}><table id="faces" class="stacked">
    <thead><tr><th scope="col">#</th><th scope="col">${t("name")}</th><th scope="col">${t("matricula")}</th>
      <th scope="col">${t("score")}</th><th scope="col">${t("score.meaning")}</th>${judged && html`<th scope="col">${t("live")}</th>`}<th scope="col">${t("nearest")}</th></tr></thead>
    <tbody>${faces.map((face, index) => html`<tr key=${index}>
      <td data-label="#">${index + 1}</td><td class=${face.decision}>${wholeName(face)}${face.reason === "told_apart" && html`<small class="quiet">${t("face.told_apart")}</small>`}
        ${face.decision !== "known" && face.faults.length > 0 && html`<small class="quiet faults">${inWords(face.faults).join(" ")}</small>`}
        ${notThisPerson && face.decision === "known" && html`<${Action} class="plain" act=${() => notThisPerson(face, index)}>${t("negative.say")}<//>`}</td><td>${face.matricula ?? "–"}</td>
      <td data-label=${t("score")}>${face.score === null ? "–" : number(face.score, { minimumFractionDigits: 3, maximumFractionDigits: 3 })}</td>
      <td>${meaning(face)}</td>
      ${judged && html`<td data-label=${t("live")} class=${face.liveness?.decision === "live" ? "" : "waiting"}>${face.liveness ? liveInWords(face.liveness) : "–"}${" "}
        ${face.liveness?.score != null && html`<small title=${t("live.threshold", { score: number(face.liveness.threshold, { maximumFractionDigits: 2 }) })}>${number(face.liveness.score, { maximumFractionDigits: 2 })}</small>`}</td>`}
      <td data-label=${t("nearest")}><ol class="candidates">${face.candidates.map((each) => html`<li>${each.nombre_del_alumno}
        <meter min="0" max="1" value=${Math.max(0, each.score)} title=${number(each.score)}></meter>
        <span>${number(each.score, { maximumFractionDigits: 2 })}</span></li>`)}</ol></td>
    </tr>`)}</tbody></table></div>`;
}
