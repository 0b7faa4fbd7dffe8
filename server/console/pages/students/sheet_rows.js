// The rows of a sheet: what each would do or has done, and which are left out.
import { html, useState } from "../../libraries/ui.js";
import { has, number, t } from "../../core/words.js";
import { Empty, Section } from "../../components/basics.js";
import { Lookalikes } from "./lookalikes.js";

const AT_ONCE = 200;
/** Problems of which the server's text says more than the catalogue: what is wrong with the line, which score. */
const TOLD = new Set(["malformed_row", "different_person", "possible_duplicate"]);
/** Fields that no column of the table shows, and what a row has of them. @type {Record<string, string>} */
const HIDDEN = { fecha_de_registro: "fecha_de_registro", consentimiento_fecha: "consentimiento", consentimiento_texto: "consentimiento" };
const KINDS = ["all", "new", "changed", "same", "problems", "refused"];

/** Whether a row is of a kind: a refused one is also of the kind that it was before. @param {any} row @param {string} kind of KINDS */
const isOf = (row, kind) => kind === "all" || (kind === "refused" ? row.outcome?.result === "refused" : (row.problem ? "problems" : row.change) === kind);

/** @param {{ rows: any[], ready: boolean, leftOut: Set<number>, setLeftOut: (lines: Set<number>) => void }} props */
export function SheetRows({ rows, ready, leftOut, setLeftOut }) {
  const [kind, setKind] = useState("all");
  const [most, setMost] = useState(AT_ONCE);
  const counts = Object.fromEntries(KINDS.map((each) => [each, rows.filter((row) => isOf(row, each)).length]));
  const shown = rows.filter((row) => isOf(row, kind));
  const turn = (/** @type {number} */ line) => {
    const lines = new Set(leftOut);
    if (!lines.delete(line)) lines.add(line);
    setLeftOut(lines);
  };
  if (!rows.length) return html`<${Section} title=${t("import.rows")} id="rows-title"><${Empty} text=${t("import.no_rows")} /><//>`;
  return html`<${Section} title=${t("import.rows")} id="rows-title">
    <div class="actions kinds" role="group" aria-label=${t("import.show")}>${KINDS.filter((each) => each === "all" || counts[each]).map((each) => html`<button type="button" aria-pressed=${kind === each} onClick=${() => (setKind(each), setMost(AT_ONCE))}>
      ${t(`import.sort.${each}`)} <small>${number(counts[each])}</small></button>`)}</div>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("import.rows")}><table id="rows" class="stacked">
      <thead><tr>${ready && html`<th scope="col">${t("import.take")}</th>`}<th scope="col" class="numeric">${t("import.line")}</th><th scope="col">${t("name")}</th><th scope="col">${t("matricula")}</th>
        <th scope="col">${t("class")}</th><th scope="col">${t("students.photos")}</th><th scope="col">${t(ready ? "import.would" : "import.came")}</th></tr></thead>
      <tbody>${shown.slice(0, most).map((row) => html`<${Row} key=${row.line} row=${row} ready=${ready} taken=${!leftOut.has(row.line)} turn=${turn} />`)}</tbody></table></div>
    ${shown.length > most && html`<p><button type="button" onClick=${() => setMost(most + AT_ONCE)}>${t("more")}</button></p>`}
  <//>`;
}

/** @param {{ row: any, ready: boolean, taken: boolean, turn: (line: number) => void }} props */
function Row({ row, ready, taken, turn }) {
  const missing = row.photos.filter((each) => each.problem).length;
  return html`<tr data-line=${row.line} class=${taken ? "" : "left-out"}>
    ${ready && html`<td data-label=${t("import.take")}><input type="checkbox" checked=${taken && !row.problem} disabled=${Boolean(row.problem)} aria-label=${t("import.take_row", { line: row.line })} onChange=${() => turn(row.line)} /></td>`}
    <td class="numeric" data-label=${t("import.line")}>${row.line}</td><td class="long" data-label=${t("name")}>${row.nombre_del_alumno}</td><td class="long" data-label=${t("matricula")}>${row.matricula}</td>
    <td class="long" data-label=${t("class")}>${row.clase}</td><td data-label=${t("students.photos")}>${number(row.photos.length - missing)}${missing > 0 && html` <small class="late">${t("import.photos_missing", { count: missing })}</small>`}</td>
    <td data-label=${t(ready ? "import.would" : "import.came")}>${row.outcome ? html`<${Came} row=${row} />` : html`<${Would} row=${row} />`}
      ${row.joined.length > 0 && html`<br /><small>${t("import.joined", { count: row.joined.length, lines: row.joined.join(", ") })}</small>`}</td></tr>`;
}

/** @param {{ row: any }} props */
function Would({ row }) {
  if (row.problem) return html`<strong class="wrong">${explained(row)}</strong>${HIDDEN[row.field] && html`<br /><small class="long">${t("import.in_sheet", { value: row[HIDDEN[row.field]] || "–" })}</small>`}
    ${TOLD.has(row.problem) && html`<br /><small lang="en">${row.text}</small>`}`;
  return html`<strong class=${{ new: "present", changed: "late", same: "absent" }[row.change]}>${t(`import.change.${row.change}`)}</strong>
    ${row.changes.length > 0 && html`<ul class="plain changes">${row.changes.map((each) => html`<li>${t(`import.field.${each.field}`)}: <del>${each.stored || "–"}</del> → <ins>${each.sheet || "–"}</ins></li>`)}</ul>`}
    ${row.change === "changed" && !row.changes.length && html` <small>${t("import.more_photos")}</small>`}
    ${row.warnings.map((each) => html`<br /><small class="late">${t(`import.warning.${each}`)}</small>`)}`;
}

/** @param {{ row: any }} props */
function Came({ row }) {
  const { outcome } = row;
  const tone = { enrolled: "present", changed: "present", same: "absent", refused: "wrong" }[outcome.result];
  return html`<strong class=${tone}>${t(`import.result.${outcome.result}`)}</strong>
    ${outcome.code && html`<br /><span>${why(outcome.code)}</span>`}${TOLD.has(outcome.code) && html`<br /><small lang="en">${outcome.text}</small>`}
    ${outcome.warnings.map((each) => html`<br /><span class="late">${t(`look_at.${each}`)}</span> <${Lookalikes} matricula=${row.matricula} />`)}
    ${outcome.photos.map((each) => html`<br /><small class="late">${t("import.photo_refused", { place: each.place, why: why(each.code) })}</small>`)}`;
}

/** Why a row cannot be run, and what to correct. @param {any} row */
export function explained(row) {
  if (row.problem === "invalid_student" && has(`rule.${row.field}`)) return t(`rule.${row.field}`);
  if (row.problem === "duplicate_matricula" && row.first !== null) return t("import.disagrees", { line: row.first });
  return row.problem === "unusable_cell" && row.field ? `${why(row.problem)} ${t("import.cell", { field: t(`import.field.${row.field}`) })}` : why(row.problem);
}

/** @param {string} code of a row or a photo that cannot be enrolled @returns {string} in words, as far as there are any */
export const why = (code) => (has(`import.problem.${code}`) ? t(`import.problem.${code}`) : has(`error.${code}`) ? t(`error.${code}`) : code);
