// Importing a sheet: it is chosen and uploaded; and the imports that are kept, to come back to.
import { html, useState } from "../../libraries/ui.js";
import { me } from "../../core/api.js";
import { mayManage } from "../../core/roles.js";
import { go, to } from "../../core/router.js";
import { number, t, when } from "../../core/words.js";
import { Action, Empty, Section } from "../../components/basics.js";
import { Table, useLines } from "../../components/table.js";
import { ColumnsByHand } from "./sheet_columns.js";
import { chosenFiles, droppedFiles, isSheet, isZip, upload } from "./sheet_files.js";

/** @typedef {import("./sheet_files.js").Chosen} Chosen */

const COLUMNS_UNCLEAR = new Set(["missing_column", "ambiguous_column", "invalid_columns"]);

export const Imports = () => (mayManage(me.value?.role) ? html`<${KeptImports} />` : html`<${Empty} text=${t("no_page")} />`);

function KeptImports() {
  const list = useLines("/v1/imports", "imports", {});
  const columns = [
    { title: t("import.uploaded"), cell: (line) => html`<a href=${to(["students", "import", line.id])}>${when(line.at)}</a>` },
    { title: t("session.status"), cell: (line) => t(`import.state.${line.state}`) },
    { title: t("import.rows"), cell: ({ counts }) => number(counts.new + counts.changed + counts.same + counts.problems), numeric: true },
    { title: t("import.done"), cell: ({ counts }) => number(counts.done), numeric: true },
    { title: t("import.refused"), cell: ({ counts }) => number(counts.refused), numeric: true },
  ];
  return html`<p><a href=${to(["students"])}>← ${t("page.students")}</a></p>
    <${Section} title=${t("import.title")} id="import-title"><p>${t("import.about")}</p><${Choosing} /><//>
    <${Section} title=${t("import.list")} id="imports-title"><p class="quiet">${t("import.kept")}</p>
      <${Table} id="imports" columns=${columns} list=${list} empty=${t("import.none")} caption=${t("import.list")} /><//>`;
}

/** What is chosen, piece by piece, until it is sent. */
function Choosing() {
  const [chosen, setChosen] = useState(/** @type {Chosen[]} */ ([]));
  const [unclear, setUnclear] = useState(/** @type {any} */ (null));
  const add = (/** @type {Chosen[]} */ more) => setChosen((before) => [...before.filter((each) => !more.some((one) => one.path === each.path)), ...more]);
  const sheets = chosen.filter((each) => isSheet(each) || isZip(each));
  const send = async (/** @type {Record<string, string>} */ columns = {}) => {
    try {
      const made = await upload(chosen, columns);
      go(["students", "import", made.id]);
    } catch (error) {
      if (!COLUMNS_UNCLEAR.has(/** @type {any} */ (error)?.code)) throw error;
      setUnclear(error);
    }
  };
  return html`<${Dropping} add=${add} />
    ${chosen.length > 0 && html`<p id="chosen">${t("import.chosen", { sheets: sheets.map((each) => each.path).join(", ") || t("import.no_sheet_yet"), photos: number(chosen.length - sheets.length) })}
      <button type="button" class="plain" onClick=${() => (setChosen([]), setUnclear(null))}>${t("import.clear")}</button></p>`}
    ${sheets.length > 1 && html`<p class="wrong">${t("import.one_sheet")}</p>`}
    ${unclear ? html`<${ColumnsByHand} problem=${unclear} send=${send} />`
      : html`<${Action} class="main" id="preview" disabled=${sheets.length !== 1} act=${() => send()}>${t("import.preview")}<//>`}`;
}

/** @param {{ add: (chosen: Chosen[]) => void }} props */
function Dropping({ add }) {
  const [over, setOver] = useState(false);
  const drag = (/** @type {boolean} */ inside) => (event) => (event.preventDefault(), setOver(inside));
  const drop = async (event) => {
    event.preventDefault();
    setOver(false);
    add(await droppedFiles(event.dataTransfer));
  };
  const pick = (event) => {
    add(chosenFiles(event.target.files));
    event.target.value = "";
  };
  return html`<div class="choose"><label class=${over ? "drop over" : "drop"} onDragOver=${drag(true)} onDragLeave=${drag(false)} onDrop=${drop}>
      <input type="file" id="files" multiple accept=".csv,.tsv,.xlsx,.xlsm,.zip,image/*,.heic,.heif,.avif,.tif,.tiff" onChange=${pick} /><span>${t("import.choose")}</span><small>${t("import.choose_about")}</small></label>
    <label class="drop"><input type="file" id="folder" webkitdirectory onChange=${pick} /><span>${t("import.folder")}</span><small>${t("import.folder_about")}</small></label></div>`;
}
