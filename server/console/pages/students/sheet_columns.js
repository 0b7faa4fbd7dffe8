// Which column of a sheet holds which field: corrected by choice, or by hand where none could be read.
import { html, useState } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { go, to } from "../../core/router.js";
import { reason, t } from "../../core/words.js";
import { Action, Field, Section } from "../../components/basics.js";
import { upload, uploaded } from "./sheet_files.js";

const NEEDED = ["matricula", "nombre_del_alumno", "fotos"];
const FIELDS = [...NEEDED, "clase", "fecha_de_registro", "consentimiento_fecha", "consentimiento_texto"];

/** @param {{ about: any }} props an import that has not been run */
export function SheetColumns({ about }) {
  const guessed = Object.fromEntries(about.columns.map((each) => [each.field, each.column]));
  const [columns, setColumns] = useState(/** @type {Record<string, string>} */ (guessed));
  const names = [...about.columns.map((each) => each.column), ...about.unused];
  const files = uploaded.get(about.id);
  const changed = FIELDS.some((field) => (columns[field] ?? "") !== (guessed[field] ?? ""));
  const again = async () => {
    const asked = Object.fromEntries(FIELDS.filter((field) => columns[field] || guessed[field]).map((field) => [field, columns[field] ?? ""]));
    const made = await upload(files ?? [], asked);
    await call("DELETE", `/v1/imports/${about.id}`);
    uploaded.delete(about.id);
    go(["students", "import", made.id]);
  };
  return html`<${Section} title=${t("import.columns")} id="columns-title"><p class="quiet">${t("import.columns_about")}</p>
    <div class="fields">${FIELDS.map((field) => html`<${Field} key=${field} label=${t(`import.field.${field}`)} name=${`column-${field}`}>
      <select id=${`column-${field}`} disabled=${!files} value=${columns[field] ?? ""} onChange=${(event) => setColumns({ ...columns, [field]: event.target.value })}>
        ${!(NEEDED.includes(field) && guessed[field]) && html`<option value="">${t("import.no_column")}</option>`}
        ${names.map((name) => html`<option value=${name}>${name}</option>`)}</select><//>`)}</div>
    ${files ? html`<${Action} id="columns-again" disabled=${!changed} act=${again}>${t("import.columns_again")}<//>`
      : html`<p class="quiet">${t("import.files_gone")} <a href=${to(["students", "import"])}>${t("import.title")}</a></p>`}
  <//>`;
}

/** @param {{ problem: any, send: (columns: Record<string, string>) => Promise<void> }} props */
export function ColumnsByHand({ problem, send }) {
  const [columns, setColumns] = useState(/** @type {Record<string, string>} */ ({}));
  const set = (event) => setColumns((before) => ({ ...before, [event.target.name]: event.target.value.trim() }));
  const given = () => Object.fromEntries(Object.entries(columns).filter(([, column]) => column));
  return html`<div id="by-hand"><p class="wrong" role="alert">${reason(problem)}</p><p class="quiet" lang="en">${problem.detail}</p><p>${t("import.by_hand")}</p>
    <div class="fields" onInput=${set}>${FIELDS.map((field) => html`<${Field} key=${field} label=${t(`import.field.${field}`)} name=${field} autocomplete="off" />`)}</div>
    <${Action} class="main" id="preview" act=${() => send(given())}>${t("import.preview")}<//></div>`;
}
