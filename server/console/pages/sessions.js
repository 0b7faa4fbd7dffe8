// Sessions of all days, the latest first: filtered by class, dates, and whether they are still open. All of that stands in the address.
import { html } from "../libraries/ui.js";
import { everything } from "../core/api.js";
import { go, to } from "../core/router.js";
import { day, t } from "../core/words.js";
import { Field, Section, useLoaded } from "../components/basics.js";
import { Table, useLines } from "../components/table.js";

/** What the address may say: parameters of the API's list. */
const ASKED = ["clase", "desde", "hasta", "state"];

/** @param {{ title: string, query: URLSearchParams }} props */
export function Sessions({ title, query }) {
  const asked = given(Object.fromEntries(ASKED.map((name) => [name, query.get(name) ?? ""])));
  const list = useLines("/v1/sessions", "sessions", asked);
  const show = (/** @type {Record<string, string>} */ changes) => go(["sessions"], given({ ...asked, ...changes }));
  return html`<p><a href=${to(["today"])}>← ${t("page.today")}</a></p>
    <${Section} title=${title} id="sessions-title">
      <${Filters} asked=${asked} show=${show} />
      <${Table} id="sessions" columns=${columns()} list=${list} caption=${title} empty=${t(Object.keys(asked).length ? "sessions.none_such" : "sessions.none")} />
    <//>`;
}

/** @param {Record<string, string>} words @returns {Record<string, string>} those that say something */
const given = (words) => Object.fromEntries(Object.entries(words).filter(([, value]) => value));

const columns = () => [
  { title: t("sessions.day"), cell: (line) => html`<a href=${to(["session", String(line.id)])}>${day(line.fecha, { weekday: "long", day: "numeric", month: "long", year: "numeric" })}</a>` },
  { title: t("class"), cell: (line) => line.clase },
  { title: t("sessions.time"), cell: (line) => [line.starts, line.ends].filter(Boolean).join("–") },
  { title: t("session.status"), cell: (line) => html`<span class=${line.state === "open" ? "present" : "absent"}>${t(`session.${line.state}`)}</span>` },
];

/** @param {{ asked: Record<string, string>, show: (changes: Record<string, string>) => void }} props */
function Filters({ asked, show }) {
  const { found } = useLoaded(() => everything("/v1/classes", "classes"), []);
  const known = (found ?? []).map((each) => each.clase);
  const classes = asked.clase && !known.includes(asked.clase) ? [...known, asked.clase] : known;
  const change = (/** @type {string} */ name) => (event) => show({ [name]: event.target.value });
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <${Field} label=${t("class")} name="clase"><select id="clase" value=${asked.clase ?? ""} onChange=${change("clase")}>
      <option value="">${t("students.every_class")}</option>${classes.map((each) => html`<option value=${each}>${each}</option>`)}</select><//>
    <${Field} label=${t("from")} name="desde" type="date" value=${asked.desde ?? ""} onChange=${change("desde")} />
    <${Field} label=${t("until")} name="hasta" type="date" value=${asked.hasta ?? ""} onChange=${change("hasta")} />
    <label class="check"><input type="checkbox" id="open" checked=${asked.state === "open"} onChange=${(event) => show({ state: event.target.checked ? "open" : "" })} />${t("sessions.only_open")}</label>
    ${Object.keys(asked).length > 0 && html`<button type="button" class="plain" id="all" onClick=${() => go(["sessions"])}>${t("students.all")}</button>`}
  </form>`;
}
