// Today: the classes that the reader teaches, their sessions of the day, and how attendance is begun.
import { html, useState } from "../libraries/ui.js";
import { call, me, word } from "../core/api.js";
import { mayManage, mayRecord } from "../core/roles.js";
import { go, to } from "../core/router.js";
import { dayOf, status } from "../core/server_status.js";
import { day, number, t } from "../core/words.js";
import { Dialog, Empty, Field, Section, Waiting, useLoaded } from "../components/basics.js";
import { Form } from "../components/form.js";
import { useKeptUp } from "../components/kept_up.js";
import { Timetable } from "./timetable.js";

/** @param {string} today ISO @returns {number} 1 (Monday) to 7 */
const weekdayOf = (today) => ((new Date(`${today}T00:00:00Z`).getUTCDay() + 6) % 7) + 1;

/** @param {string} today ISO */
const dayBefore = (today) => new Date(Date.parse(`${today}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);

/** How many sessions of other days, still open, are shown here. */
const MOST_LEFT = 5;

/** @param {{ title: string }} props */
export function Today({ title }) {
  const today = status.value?.today;
  const [beginning, setBeginning] = useState(/** @type {any} */ (null));
  const [planning, setPlanning] = useState(/** @type {any} */ (null));
  const { found, problem, again } = useLoaded(async (signal) => {
    if (!today) return null;
    const [classes, sessions, left] = await Promise.all([
      call("GET", "/v1/classes", { signal }),
      call("GET", "/v1/sessions", { query: { desde: today, hasta: today, limit: 1000 }, signal }),
      call("GET", "/v1/sessions", { query: { hasta: dayBefore(today), state: "open", limit: MOST_LEFT }, signal }),
    ]);
    return { classes: classes.classes, sessions: sessions.sessions, left };
  }, [today]);
  useKeptUp(again);
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  return html`<h1>${title}<small class="day">${day(today)}</small></h1>
    ${found.classes.length === 0 && html`<${Empty} text=${t("today.no_classes")}>
      ${mayManage(me.value?.role) && html`<p class="actions centred"><a class="button main" href=${to(["students", "import"])}>${t("import.title")}</a>
        <a class="button" href=${to(["students", "new"])}>${t("students.add")}</a></p>`}<//>`}
    <div class="cards">${found.classes.map((each) => html`<${ClassCard} key=${each.clase} about=${each} today=${today}
      sessions=${found.sessions.filter((session) => session.clase === each.clase)} begin=${() => setBeginning(each)} plan=${() => setPlanning(each)} />`)}</div>
    ${found.left.sessions.length > 0 && html`<${LeftOpen} sessions=${found.left.sessions} more=${Boolean(found.left.next_cursor)} />`}
    ${beginning && html`<${Beginning} about=${beginning} today=${today} close=${() => setBeginning(null)} />`}
    ${planning && html`<${Timetable} about=${planning} close=${() => setPlanning(null)} done=${() => (setPlanning(null), again())} />`}`;
}

/** @param {{ about: any, today: string, sessions: any[], begin: () => void, plan: () => void }} props */
function ClassCard({ about, today, sessions, begin, plan }) {
  const meets = about.timetable.filter((each) => each.weekday === weekdayOf(today));
  const id = `class-${about.clase}`;
  return html`<${Section} title=${about.clase} id=${id} actions=${html`<a class="quiet" href=${to(["students"], { clase: about.clase })}>${t("today.students", { count: about.students })}</a>
      ${about.sessions > 0 && html`<a class="quiet" href=${to(["sessions"], { clase: about.clase })}>${t("today.sessions", { count: about.sessions })}</a>`}`}>
    ${meets.length > 0 && html`<p class="quiet">${meets.map((each) => [each.starts, each.ends].filter(Boolean).join("–")).join(", ")}</p>`}
    <ul class="plain">${sessions.map((each) => html`<li><a href=${to(["session", String(each.id)])}>${each.starts}${each.ends ? `–${each.ends}` : ""}</a>
      <span class=${each.state === "open" ? "present" : "absent"}> ${t(`session.${each.state}`)}</span></li>`)}</ul>
    ${mayRecord(me.value?.role) && html`<p class="actions"><button type="button" class=${sessions.length ? "" : "main"} onClick=${begin}>${t("today.begin")}</button>
      <button type="button" class="plain" onClick=${plan}>${t("timetable.title")}</button></p>`}
  <//>`;
}

/** Sessions of other days that no one has closed. @param {{ sessions: any[], more: boolean }} props */
const LeftOpen = ({ sessions, more }) => html`<${Section} title=${t("today.left_open")} id="left-title"
    actions=${more && html`<a class="quiet" href=${to(["sessions"], { state: "open" })}>${t("today.all_left")}</a>`}>
  <ul class="plain" id="left">${sessions.map((each) => html`<li><a href=${to(["session", String(each.id)])}>${each.clase}, ${dayOf(each.fecha)}, ${each.starts}</a></li>`)}</ul><//>`;

/** A new session of a class. @param {{ about: any, today: string, close: () => void }} props */
function Beginning({ about, today, close }) {
  const meets = about.timetable.find((each) => each.weekday === weekdayOf(today));
  const [once] = useState(word);
  const send = async ({ starts, ends, late_after }) => {
    const json = { clase: about.clase, ...(starts && { starts }), ...(ends && { ends }), ...(late_after && { late_after: Number(late_after) }) };
    const made = await call("POST", "/v1/sessions", { json, once });
    go(["session", String(made.id)]);
  };
  return html`<${Dialog} title=${t("today.begin_of", { clase: about.clase })} close=${close}><${Form} id="begin" send=${send} button=${t("today.begin")}>
    <${Field} label=${t("session.starts")} name="starts" type="time" defaultValue=${meets?.starts ?? ""} hint=${t("session.starts_about")} />
    <${Field} label=${t("session.ends")} name="ends" type="time" defaultValue=${meets?.ends ?? ""} />
    <${Field} label=${t("session.late_after")} name="late_after" type="number" min="0" max="600" defaultValue=${meets?.late_after ?? ""} hint=${t("session.late_after_about")} />
    <//><//>`;
}
