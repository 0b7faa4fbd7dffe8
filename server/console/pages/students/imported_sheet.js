// An import: what it would do, how far it is, and what came of each row.
import { html, useEffect, useState } from "../../libraries/ui.js";
import { call, everything, me, saveAs, wait } from "../../core/api.js";
import { csvOf } from "../../core/csv.js";
import { mayManage } from "../../core/roles.js";
import { go, to } from "../../core/router.js";
import { number, t, when } from "../../core/words.js";
import { Action, Empty, Section, Waiting, told, useLoaded } from "../../components/basics.js";
import { SheetColumns } from "./sheet_columns.js";
import { SheetRows, explained, why } from "./sheet_rows.js";
import { uploaded } from "./sheet_files.js";

const LOOK_EVERY_MS = 1000;
const SORTS = ["new", "changed", "same", "problems"];
const REFUSED_COLUMNS = ["linea", "matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento_fecha", "consentimiento_texto", "fotos", "motivo", "detalle"];

/** @param {{ number: string }} props */
export const ImportedSheet = ({ number: id }) => (mayManage(me.value?.role) ? html`<${Import} id=${id} />` : html`<${Empty} text=${t("no_page")} />`);

/** @param {{ id: string }} props */
function Import({ id }) {
  const address = `/v1/imports/${encodeURIComponent(id)}`;
  const { found, problem, again } = useLoaded(async (signal) => {
    const about = await call("GET", address, { query: { limit: 1 }, signal });
    return { about, rows: await everything(address, "rows", { limit: 1000 }) };
  }, [address]);
  const [leftOut, setLeftOut] = useState(/** @type {Set<number>} */ (new Set()));
  if (!found) return html`<${Back} /><${Waiting} problem=${problem} again=${again} />`;
  const { about, rows } = found;
  const chosen = rows.filter((row) => !row.problem && !leftOut.has(row.line)).map((row) => row.line);
  const run = async () => {
    await call("POST", `${address}/run`, { json: leftOut.size ? { rows: chosen } : {} });
    uploaded.delete(about.id);
    again();
  };
  const drop = async () => {
    await call("DELETE", address);
    uploaded.delete(about.id);
    told(t("import.dropped"));
    go(["students", "import"]);
  };
  const ready = about.state === "ready";
  return html`<${Back} />
    <${Section} title=${t("import.of", { at: when(about.at) })} id="sheet-title" actions=${html`<${Action} id="drop" class="danger" act=${drop}>${t(about.state === "running" ? "import.stop" : "import.drop")}<//>`}>
      <dl class="counts" id="sorts">${SORTS.map((sort) => html`<div><dt>${t(`import.sort.${sort}`)}</dt><dd>${number(about.counts[sort])}</dd></div>`)}</dl>
      ${ready && html`<p class="actions"><${Action} class="main" id="run" disabled=${!chosen.length} act=${run}>${t("import.run", { count: chosen.length })}<//></p>`}
      ${about.state === "running" && html`<${Progress} address=${address} about=${about} done=${again} />`}
      ${about.state === "done" && html`<${Outcome} about=${about} rows=${rows} />`}
      ${about.notes.length > 0 && html`<details><summary>${t("import.notes")}</summary><ul lang="en">${about.notes.map((note) => html`<li>${note}</li>`)}</ul></details>`}
    <//>
    ${ready && html`<${SheetColumns} key=${about.id} about=${about} />`}
    <${SheetRows} rows=${rows} ready=${ready} leftOut=${leftOut} setLeftOut=${setLeftOut} />`;
}

const Back = () => html`<p><a href=${to(["students", "import"])}>← ${t("import.title")}</a></p>`;

/** How far an import is; it goes on when the page is left. @param {{ address: string, about: any, done: () => void }} props */
function Progress({ address, about, done }) {
  const [counts, setCounts] = useState(about.counts);
  useEffect(() => {
    const leave = new AbortController();
    const look = async () => {
      while (!leave.signal.aborted) {
        await wait(LOOK_EVERY_MS, leave.signal);
        const now = await call("GET", address, { query: { limit: 1 }, signal: leave.signal });
        setCounts(now.counts);
        if (now.state !== "running") return done();
      }
    };
    look().catch(() => leave.signal.aborted || done());
    return () => leave.abort();
  }, [address]);
  return html`<p><label for="progress">${t("import.progress", { done: number(counts.done), chosen: number(counts.chosen) })}</label>
    <progress id="progress" max=${Math.max(1, counts.chosen)} value=${counts.done}></progress></p><p class="quiet">${t("import.leave")}</p>`;
}

/** @param {{ about: any, rows: any[] }} props */
function Outcome({ about, rows }) {
  const { done, refused } = about.counts;
  const wrong = rows.filter((row) => row.problem || row.outcome?.result === "refused" || row.outcome?.photos.length);
  return html`<p role="status" id="outcome"><strong>${t("import.finished", { done: number(done - refused), refused: number(refused) })}</strong></p>
    <div class="actions"><a class="button" href=${to(["students"])}>${t("import.see_students")}</a>
    ${wrong.length > 0 && html`<button type="button" id="refused" onClick=${() => saveAs(refusedAsCsv(wrong), "filas-no-importadas.csv")}>${t("import.refused_csv", { count: wrong.length })}</button>`}</div>`;
}

/** Rows as a sheet that can be corrected and imported: each with why it was refused. @param {any[]} rows */
function refusedAsCsv(rows) {
  return csvOf(REFUSED_COLUMNS, rows.map((row) => {
    const [day = "", ...text] = row.consentimiento.split(" ");
    const refused = row.outcome?.photos ?? [];
    const places = row.outcome && row.outcome.result !== "refused" ? refused : row.photos;
    const code = row.outcome?.code || refused[0]?.code || "";
    const details = [row.outcome?.text || row.text, ...refused.map((each) => `${each.place}: ${each.text}`)];
    return [row.line, row.matricula, row.nombre_del_alumno, row.clase, row.fecha_de_registro, day, text.join(" "), places.map((each) => each.place).join(";"), row.problem ? explained(row) : why(code), details.filter(Boolean).join(" ")];
  }));
}
