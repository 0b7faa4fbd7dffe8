// A chart with what it says in words, the same numbers as a table, and both as files.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../libraries/ui.js";
import { download, saveAs } from "../core/api.js";
import { t } from "../core/words.js";
import { Action, Empty, failed } from "./basics.js";
import { LIGHT, look } from "./chart_looks.js";

/**
 * @typedef {{ title: string, cell: (row: any) => any, numeric?: boolean }} Column
 * @typedef {(look: import("./chart_looks.js").Look, width: number) => any} Draw
 * @typedef {{ id: string, title: string, about: string, height: number, draw: Draw, columns: Column[], rows: any[],
 *   csv: { path: string, query: Record<string, unknown>, name: string }, caption: string, goTo?: (id: string) => string, empty?: string,
 *   wide?: boolean, children?: any }} ChartProps
 */

const library = () => import("../libraries/charts.js");
const EXPORTED_PX = 1000;
const TITLE_PX = 84;

/** @param {ChartProps} props `caption`: of what and of when, for the picture; `goTo`: the address of what an id of the chart's data or rows stands for */
export function Chart({ id, title, about, height, draw, columns, rows, csv, caption, goTo, empty, wide, children }) {
  const [open, setOpen] = useState(false);
  const actions = html`<button type="button" aria-expanded=${open} aria-controls=${`${id}-table`} onClick=${() => setOpen(!open)}>${t("chart.table")}</button>
    <${Action} aria-label=${t("chart.csv_of", { title })} act=${() => download(csv.path, { ...csv.query, format: "csv" }, `${csv.name}.csv`)}>CSV<//>
    <${Action} aria-label=${t("chart.png_of", { title })} act=${() => savePicture([title, caption].filter(Boolean).join(" · "), about, draw, height, id)}>PNG<//>`;
  return html`<section class=${wide ? "chart wide" : "chart"} aria-labelledby=${`${id}-title`}>
    <div class="head"><h2 id=${`${id}-title`}>${title}</h2>${!empty && html`<div class="actions">${actions}</div>`}</div>
    ${empty ? html`<${Empty} text=${empty} />` : html`<p class="quiet about">${about}</p>
      <${Drawing} id=${id} label=${`${title}. ${about}`} height=${height} draw=${draw} goTo=${goTo} />
      ${children}
      <div id=${`${id}-table`} hidden=${!open}>${open && html`<${Numbers} title=${title} columns=${columns} rows=${rows} />`}</div>`}
  </section>`;
}

/** @param {{ title: string, columns: Column[], rows: any[] }} props */
const Numbers = ({ title, columns, rows }) => html`<div class="scroll numbers" tabindex="0" role="region" aria-label=${title}><table class="stacked">
  <caption class="hidden">${title}</caption>
  <thead><tr>${columns.map((each) => html`<th scope="col" class=${each.numeric ? "numeric" : ""}>${each.title}</th>`)}</tr></thead>
  <tbody>${rows.map((row, index) => html`<tr key=${index}>${columns.map((each) => html`<td class=${each.numeric ? "numeric" : ""} data-label=${each.title}>${each.cell(row)}</td>`)}</tr>`)}</tbody>
</table></div>`;

/**
 * The picture itself. It is drawn anew when its data, the language, the colours or its width change.
 * @param {{ id: string, label: string, height: number, draw: Draw, goTo?: (id: string) => string }} props
 */
function Drawing({ id, label, height, draw, goTo }) {
  const element = useRef(/** @type {any} */ (null));
  const shown = useRef(/** @type {any} */ (null));
  const leads = useRef(goTo);
  leads.current = goTo;
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const node = element.current;
    const watch = new ResizeObserver(() => setWidth(node.clientWidth));
    library().then(({ getInstanceByDom, init }) => {
      if (!node.isConnected) return;
      shown.current = getInstanceByDom(node) ?? init(node);
      follow(shown.current, (which) => leads.current?.(which));
      watch.observe(node);
    }, failed);
    return () => {
      watch.disconnect();
      shown.current?.dispose();
    };
  }, []);
  const colours = look.value;
  useLayoutEffect(() => {
    element.current.style.height = `${height}px`;
    if (!shown.current || !width) return;
    shown.current.resize();
    shown.current.setOption(draw(colours, width), true);
  });
  return html`<div class="drawing" id=${id} ref=${element} role="img" aria-label=${label}></div>`;
}

/**
 * Let what is pressed lead somewhere. Where there is no pointer that hovers, the first tap shows the tooltip.
 * @param {any} chart @param {(id: string) => string | undefined} goTo
 */
function follow(chart, goTo) {
  let tapped = "";
  chart.on("click", (at) => {
    const id = at.componentType === "series" ? at.data?.id : at.value;
    const address = id === undefined ? undefined : goTo(String(id));
    if (!address) return;
    if (at.componentType === "series" && matchMedia("(hover: none)").matches && tapped !== id) tapped = id;
    else location.hash = address;
  });
}

/** Save a chart as a picture to print: light, with its title and what it says. */
async function savePicture(/** @type {string} */ title, /** @type {string} */ about, /** @type {Draw} */ draw, /** @type {number} */ height, /** @type {string} */ name) {
  const { init } = await library();
  const chart = init(document.createElement("div"), null, { width: EXPORTED_PX, height: height + TITLE_PX });
  try {
    chart.setOption({ ...lower(draw(LIGHT, EXPORTED_PX)), animation: false, title: heading(title, about) });
    const canvas = chart.renderToCanvas({ pixelRatio: 2, backgroundColor: LIGHT.card });
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    saveAs(/** @type {Blob} */ (blob), `${name}.png`);
  } finally {
    chart.dispose();
  }
}

/** @param {string} text @param {string} subtext */
const heading = (text, subtext) => ({
  text, subtext, left: 16, top: 10, textStyle: { color: LIGHT.ink, fontSize: 20 },
  subtextStyle: { color: LIGHT.quiet, fontSize: 13, lineHeight: 17, width: EXPORTED_PX - 32, overflow: "break" },
});

/** A chart's option with room for a title at the top. @param {any} option */
function lower(option) {
  const down = (part) => ({ ...part, top: part.top + TITLE_PX });
  const parts = (several) => (Array.isArray(several) ? several.map(down) : down(several));
  return { ...option, grid: parts(option.grid), ...(option.legend && { legend: down(option.legend) }) };
}
