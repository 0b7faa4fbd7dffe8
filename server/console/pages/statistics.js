// Statistics: all classes, one class, one student. What is chosen stands in the address, so that it can be kept and sent.
import { html } from "../libraries/ui.js";
import { call, everything, me } from "../core/api.js";
import { mayRecord } from "../core/roles.js";
import { go, to } from "../core/router.js";
import { status } from "../core/server_status.js";
import { day, t } from "../core/words.js";
import { Empty, Field, Waiting, useLoaded } from "../components/basics.js";
import { ClassFacts, ClassOverTime, StudentBubbles, StudentOrder, StudentSpread } from "./statistics/class_charts.js";
import { MEASURES } from "./statistics/measures.js";
import { ClassBubbles, ClassMeans, ClassSizes, ClassSpread, Commitment, SchoolOverTime } from "./statistics/school_charts.js";
import { BesideClass, Neighbours, OwnCourse, OwnMeetings, StudentFacts } from "./statistics/student_charts.js";

const PERIODS = ["term", "month", "all", "dates"];
const KEPT = ["period", "desde", "hasta", "show"];
const MONTH_DAYS = 30;
const SECOND_TERM = 8; // the month with which the second half of the year begins at school: August

/** @typedef {import("./statistics/measures.js").Chosen & { period: string, query: Record<string, string>, of: string }} Choice */

/** @param {{ title: string, path: string[], query: URLSearchParams }} props */
export function Statistics({ title, path, query }) {
  const asks = /** @type {any} */ (me.value);
  const own = asks.role === "student";
  const [kind, id] = own ? ["student", asks.matricula] : path[1] && path[0] in LOADS ? path : ["school", ""];
  const choice = chosenIn(query);
  const { desde, hasta } = choice.dates;
  const { found, problem, again } = useLoaded((signal) => LOADS[kind](id, choice, signal), [kind, id, desde, hasta, choice.of]);
  const Shown = found && { school: School, class: OneClass, student: OneStudent }[found.kind];
  const address = found && (own || found.kind === "school" ? [] : [found.kind, found.id]);
  return html`<h1>${title}</h1>
    ${kind !== "school" && !own && html`<${Trail} choice=${choice} clase=${kind === "student" ? found?.clase : ""} />`}
    ${found && html`<${Choosing} choice=${choice} path=${address} about=${found} />`}
    ${problem || !found ? html`<${Waiting} problem=${problem} again=${again} />` : html`<${Shown} key=${`${found.id} ${found.clase}`} found=${found} choice=${choice} path=${address} own=${own} />`}`;
}

/** @param {Choice} choice @param {AbortSignal} signal @param {string} clase */
const classOf = (choice, signal, clase) => call("GET", `/v1/statistics/classes/${encodeURIComponent(clase)}`, { query: choice.dates, signal });
/** The classes that the reader may see. @returns {Promise<string[]>} */
const classNames = async () => (await call("GET", "/v1/classes")).classes.map((each) => each.clase);

/** What each kind of page asks for: the names to choose from, and the numbers. @type {Record<string, (id: string, choice: Choice, signal: AbortSignal) => Promise<any>>} */
const LOADS = {
  school: async (_id, choice) => {
    const [classes, weeks] = await Promise.all(["classes", "weeks"].map((list) => everything(`/v1/statistics/${list}`, "classes", choice.dates)));
    return { kind: "school", id: "", names: classes.map((each) => each.clase), classes, weeks };
  },
  class: async (id, choice, signal) => {
    const [names, of] = await Promise.all([classNames(), classOf(choice, signal, id)]);
    return { kind: "class", id, clase: id, names, students: of.students, of };
  },
  student: async (id, choice, signal) => {
    const student = await call("GET", `/v1/statistics/students/${encodeURIComponent(id)}`, { query: choice.dates, signal });
    const of = student.classes.find((each) => each.clase === choice.of) ?? student.classes.find((each) => each.member) ?? student.classes[0];
    const about = { kind: "student", id, clase: of?.clase, student, of };
    if (me.value?.role === "student" || !of) return about;
    const [names, clase] = await Promise.all([classNames(), classOf(choice, signal, of.clase)]);
    return { ...about, names, students: clase.students };
  },
};

/** @param {URLSearchParams} query @returns {Choice} */
function chosenIn(query) {
  const period = PERIODS.includes(query.get("period") ?? "") ? String(query.get("period")) : "term";
  const show = query.get("show") === "participation" ? "participation" : "attendance";
  const kept = Object.fromEntries(KEPT.filter((each) => query.get(each)).map((each) => [each, String(query.get(each))]));
  const dates = datesOf(period, query, status.value?.today ?? new Date().toISOString().slice(0, 10));
  return { period, show, dates, query: kept, of: query.get("clase") ?? "", caption: range(dates), address: (path) => to(["statistics", ...path], kept) };
}

/** Dates in words. @param {{ desde: string, hasta: string }} dates */
function range({ desde, hasta }) {
  const [from, until] = [desde, hasta].map((each) => each && day(each, { dateStyle: "medium" }));
  if (from && until) return t("stats.from_until", { from, until });
  return from ? t("stats.since", { from }) : until ? t("stats.up_to", { until }) : "";
}

/** What a picture of a chart says of itself beside the title. @param {Choice} choice @param {string} subject @returns {Choice} */
const about = (choice, subject) => ({ ...choice, caption: [subject, choice.caption].filter(Boolean).join(" · ") });

/** The dates of a period. The half of the school year begins in January or August. @param {string} period @param {URLSearchParams} query @param {string} today */
function datesOf(period, query, today) {
  const [year, month] = today.split("-");
  if (period === "term") return { desde: `${year}-${Number(month) < SECOND_TERM ? "01" : "08"}-01`, hasta: "" };
  if (period === "month") return { desde: new Date(Date.parse(today) - MONTH_DAYS * 86_400_000).toISOString().slice(0, 10), hasta: "" };
  if (period === "dates") return { desde: query.get("desde") ?? "", hasta: query.get("hasta") ?? "" };
  return { desde: "", hasta: "" };
}

/** What is shown, of which dates, of which class and student. @param {{ choice: Choice, path: string[], about: any }} props */
function Choosing({ choice, path, about }) {
  const { names, students, clase = "" } = about;
  const matricula = about.kind === "student" ? about.id : "";
  const change = (more) => go(["statistics", ...path], { ...choice.query, ...(choice.of && { clase: choice.of }), ...more });
  const leave = (parts) => {
    location.hash = choice.address(parts);
  };
  const sorted = students && [...students].sort((one, other) => one.nombre_del_alumno.localeCompare(other.nombre_del_alumno));
  return html`<section class="filters" aria-label=${t("stats.choose")}>
    ${names && html`<${Field} label=${t("class")} name="clase"><select id="clase" value=${clase} onChange=${(event) => leave(event.target.value ? ["class", event.target.value] : [])}>
      <option value="">${t("stats.all_classes")}</option>${names.map((each) => html`<option value=${each} selected=${each === clase}>${each}</option>`)}</select><//>`}
    ${sorted && html`<${Field} label=${t("stats.student")} name="student"><select id="student" value=${matricula} onChange=${(event) => leave(event.target.value ? ["student", event.target.value] : ["class", clase])}>
      <option value="">${t("stats.all_students")}</option>${sorted.map((each) => html`<option value=${each.matricula} selected=${each.matricula === matricula}>${each.nombre_del_alumno}</option>`)}</select><//>`}
    <${Field} label=${t("stats.period")} name="period"><select id="period" onChange=${(event) => change({ period: event.target.value, desde: choice.dates.desde, hasta: choice.dates.hasta })}>
      ${PERIODS.map((each) => html`<option value=${each} selected=${each === choice.period}>${t(`stats.period.${each}`)}</option>`)}</select><//>
    ${choice.period === "dates" && ["desde", "hasta"].map((name) => html`<${Field} key=${name} label=${t(name === "desde" ? "from" : "until")} name=${name} type="date" value=${choice.dates[name]} onChange=${(event) => change({ [name]: event.target.value })} />`)}
    ${about.kind !== "student" && html`<div class="measure" role="group" aria-label=${t("stats.show")}>${MEASURES.map((each) => html`<button type="button" key=${each} aria-pressed=${each === choice.show}
      onClick=${() => change({ show: each })}>${t(`stats.${each}`)}</button>`)}</div>`}
  </section>`;
}

/** Nothing in these dates: what to do. @param {{ choice: Choice, path: string[], text: string }} props */
const Nothing = ({ choice, path, text }) => html`<${Empty} text=${`${text} ${t(mayRecord(me.value?.role) ? "stats.take_or_choose" : "stats.choose_others")}`}>
  <p class="actions centred">${mayRecord(me.value?.role) && html`<a class="button main" href=${to(["today"])}>${t("stats.to_today")}</a>`}
    ${choice.period !== "all" && html`<a class="button" href=${to(["statistics", ...path], { ...choice.query, period: "all" })}>${t("stats.whole_time")}</a>`}</p><//>`;

/** @param {{ choice: Choice, clase?: string }} props */
const Trail = ({ choice, clase }) => html`<nav class="trail" aria-label=${t("stats.where")}><a href=${choice.address([])}>${t("stats.all_classes")}</a>
  ${clase && html` › <a href=${choice.address(["class", clase])}>${clase}</a>`}</nav>`;

/** @param {{ found: any, choice: Choice, path: string[] }} props */
function School({ found, choice, path }) {
  const { classes, weeks } = found;
  if (!classes.length) return html`<${Empty} text=${t("today.no_classes")} />`;
  const met = classes.some((each) => each.meetings);
  return html`${!met && html`<${Nothing} choice=${choice} path=${path} text=${t("stats.no_meetings")} />`}
    <div class="charts">${met && html`<${SchoolOverTime} classes=${weeks} chosen=${choice} /><${Commitment} classes=${weeks} chosen=${choice} />
      <${ClassMeans} classes=${classes} chosen=${choice} /><${ClassSpread} classes=${classes} chosen=${choice} />
      <${ClassBubbles} classes=${classes} chosen=${choice} />`}<${ClassSizes} classes=${classes} chosen=${choice} /></div>`;
}

/** @param {{ found: any, choice: Choice, path: string[] }} props */
function OneClass({ found, choice, path }) {
  const { clase, of } = found;
  const chosen = about(choice, clase);
  return html`<div class="head"><h2 class="what">${clase}</h2><a href=${to(["students"], { clase })}>${t("stats.to_students")}</a></div>
    ${of.summary.meetings === 0 ? html`<${Nothing} choice=${choice} path=${path} text=${t("stats.no_meetings_of", { clase })} />`
      : html`<${ClassFacts} summary=${of.summary} /><div class="charts">
        <${ClassOverTime} found=${of} chosen=${chosen} /><${StudentBubbles} found=${of} chosen=${chosen} />
        <${StudentSpread} found=${of} chosen=${chosen} /><${StudentOrder} found=${of} chosen=${chosen} /></div>`}`;
}

/** @param {{ found: any, choice: Choice, path: string[], own: boolean }} props */
function OneStudent({ found, choice, path, own }) {
  const { student, of, students } = found;
  const chosen = about(choice, [student.nombre_del_alumno, of?.clase].filter(Boolean).join(", "));
  const tabs = student.classes.length > 1 && html`<nav class="tabs" aria-label=${t("classes")}>${student.classes.map((each) => html`<a key=${each.clase}
    href=${to(["statistics", ...path], { ...choice.query, clase: each.clase })} aria-current=${each === of ? "page" : undefined}>${each.clase}${each.member ? "" : ` (${t("stats.before")})`}</a>`)}</nav>`;
  return html`<div class="head"><h2 class="what">${student.nombre_del_alumno}</h2>${!own && html`<a href=${to(["students", "of", student.matricula])}>${t("stats.to_student")}</a>`}</div>
    ${tabs}
    ${!of?.meetings.length ? html`<${Nothing} choice=${choice} path=${path} text=${t("stats.no_meetings")} />`
      : html`<${StudentFacts} of=${of} /><div class="charts">
        <${OwnMeetings} student=${student} of=${of} chosen=${chosen} /><${OwnCourse} student=${student} of=${of} chosen=${chosen} />
        ${of.class_rate !== null && html`<${BesideClass} student=${student} of=${of} chosen=${chosen} />`}
        ${students && html`<${Neighbours} student=${student} of=${of} chosen=${chosen} ranking=${students} />`}</div>`}`;
}
