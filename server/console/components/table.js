// Tables of a list that comes a page at a time.
import { html, useEffect, useState } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { t } from "../core/words.js";
import { Empty, Waiting } from "./basics.js";

/** @typedef {{ title: string, cell: (line: any) => any, sort?: string, numeric?: boolean }} Column */

/**
 * The lines of a list, read on by a button.
 * @param {string} path @param {string} member @param {Record<string, unknown>} query
 */
export function useLines(path, member, query) {
  const [state, setState] = useState({ lines: /** @type {any[] | null} */ (null), next: null, problem: /** @type {any} */ (null) });
  const [turn, setTurn] = useState(0);
  const asked = JSON.stringify(query);
  useEffect(() => {
    const leave = new AbortController();
    call("GET", path, { query, signal: leave.signal }).then(
      (page) => setState({ lines: page[member], next: page.next_cursor, problem: null }),
      (problem) => !leave.signal.aborted && setState((before) => ({ ...before, problem })),
    );
    return () => leave.abort();
  }, [path, asked, turn]);
  const more = async () => {
    const page = await call("GET", path, { query: { ...query, cursor: state.next } });
    setState((before) => ({ lines: [...(before.lines ?? []), ...page[member]], next: page.next_cursor, problem: null }));
  };
  return { ...state, more, again: () => setTurn((before) => before + 1) };
}

/**
 * @param {{ id: string, columns: Column[], list: ReturnType<typeof useLines>, empty: string, sorted?: string,
 *   sort?: (by: string) => void, caption: string }} props
 */
export function Table({ id, columns, list, empty, sorted = "", sort, caption }) {
  if (!list.lines) return html`<${Waiting} problem=${list.problem} again=${list.again} />`;
  if (!list.lines.length) return html`<${Empty} text=${empty} />`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table id=${id} class="stacked"><caption class="hidden">${caption}</caption>
      <thead><tr>${columns.map((each) => html`<th scope="col" class=${each.numeric ? "numeric" : ""} aria-sort=${direction(each, sorted)}>
        ${each.sort && sort ? html`<button type="button" class="plain" onClick=${() => sort(sorted === each.sort ? `-${each.sort}` : String(each.sort))}>${each.title}</button>` : each.title}</th>`)}</tr></thead>
      <tbody>${list.lines.map((line, index) => html`<tr key=${index}>${columns.map((each) => html`<td class=${each.numeric ? "numeric" : ""} data-label=${each.title}>${each.cell(line)}</td>`)}</tr>`)}</tbody>
    </table></div>
    ${list.next && html`<p><button type="button" onClick=${() => list.more()}>${t("more")}</button></p>`}`;
}

/** @param {Column} column @param {string} sorted */
function direction(column, sorted) {
  if (!column.sort) return undefined;
  if (sorted === column.sort) return "ascending";
  return sorted === `-${column.sort}` ? "descending" : "none";
}
