// Charts of one class: meeting by meeting, and how its students differ.
import { html, useState } from "../../libraries/ui.js";
import { number, t } from "../../core/words.js";
import { Chart } from "../../components/chart.js";
import { base, besides, hatched, narrow, numbers, tall, things, tip, zoom } from "../../components/chart_looks.js";
import { attendanceOfPoints, decimal, measureAxis, meetingDay, meetingId, meetingLink, meetingName, percent, statuses, written } from "./measures.js";
import { bubble } from "./school_charts.js";

const STATUSES = ["present", "late", "excused", "waiting", "absent"];
const TURNS = { late: -0.8, excused: 0.8, waiting: 1.57 };
const MOST_MEETINGS = 40;
const MOST_STUDENTS = 20;
const NAMED = 6;

/** @param {any} found a class's statistics @param {import("./measures.js").Chosen} chosen @param {string} table */
const csvOf = (found, chosen, table) => ({
  path: `/v1/statistics/classes/${encodeURIComponent(found.summary.clase)}`, query: { ...chosen.dates, table }, name: `${t(`stats.file.${table}`)}-${found.summary.clase}`,
});
/** @param {import("./measures.js").Chosen} chosen */
const toStudent = (chosen) => (matricula) => chosen.address(["student", matricula]);
const sumColumns = () => [
  ...STATUSES.map((each) => ({ title: t(`status.${each}`), cell: (line) => number(line.attendance[each]), numeric: true })),
  { title: t("stats.attendance"), cell: (line) => percent(line.attendance.rate), numeric: true },
  { title: t("stats.participation"), cell: (line) => number(line.participations), numeric: true },
];
/** @param {import("./measures.js").Chosen} chosen */
const studentColumns = (chosen) => [
  { title: t("name"), cell: (each) => html`<a href=${toStudent(chosen)(each.matricula)}>${each.nombre_del_alumno}</a>` },
  { title: t("stats.rank"), cell: (each) => number(each.rank), numeric: true },
  ...sumColumns(),
];

/** Who was there, or took part, meeting by meeting. @param {{ found: any, chosen: import("./measures.js").Chosen }} props */
export function ClassOverTime({ found, chosen }) {
  const { meetings, summary } = found;
  const { show } = chosen;
  const about = Object.fromEntries(meetings.map((each) => [meetingId(each), each]));
  const tooltip = ([at]) => tip(meetingName(about[at.name]), [...statuses(about[at.name].attendance), `${t("stats.attendance")}: ${percent(about[at.name].attendance.rate)}`,
    `${t("stats.participation")}: ${number(about[at.name].participations)}`]);
  const stacked = (of) => STATUSES.filter((each) => each !== "waiting" || meetings.some((meeting) => meeting.attendance.waiting)).map((each) => ({
    type: "bar", stack: "all", name: t(`status.${each}`), data: meetings.map((meeting) => meeting.attendance[each]), barMaxWidth: 44, cursor: "default",
    itemStyle: { color: of.status[each], ...(each in TURNS && { decal: hatched(of, TURNS[each]) }) },
  }));
  const taken = (of) => [{ type: "bar", name: t("stats.participation"), data: meetings.map((each) => each.participations), barMaxWidth: 44, itemStyle: { color: of.participation }, cursor: "default" }];
  const draw = (of, width) => ({
    ...base(of, tooltip, { trigger: "axis", axisPointer: { type: "shadow" } }),
    legend: { top: 0, left: "center", textStyle: { color: of.ink }, show: show === "attendance", itemGap: narrow(width) ? 8 : 16 },
    grid: { left: 56, right: 16, top: show === "attendance" ? (narrow(width) ? 64 : 40) : 16, bottom: meetings.length > MOST_MEETINGS ? 84 : 56 },
    xAxis: things(of, meetings.map(meetingId), meetingDay, { name: t("stats.meeting"), nameLocation: "middle", nameGap: 30, nameTextStyle: { color: of.quiet }, triggerEvent: false, axisLabel: { hideOverlap: true } }),
    yAxis: numbers(of, t(show === "attendance" ? "stats.students" : "stats.times"), (value) => number(value), { minInterval: 1, nameGap: 38, ...(show === "attendance" && { max: summary.students }) }),
    dataZoom: zoom(of, meetings.length, MOST_MEETINGS),
    series: show === "attendance" ? stacked(of) : taken(of),
  });
  const columns = [{ title: t("stats.meeting"), cell: meetingLink }, ...sumColumns()];
  return html`<${Chart} id="class-time" wide title=${t("stats.class_time")} about=${t(`stats.class_time.${show}`)} height=${340} draw=${draw} caption=${chosen.caption}
    columns=${columns} rows=${meetings} csv=${csvOf(found, chosen, "meetings")} empty=${nothing(chosen, summary)} />`;
}

/** Why a chart of participations has nothing to show. @param {import("./measures.js").Chosen} chosen @param {any} summary */
const nothing = (chosen, summary) => (chosen.show === "participation" && summary.participations === 0 ? t("stats.no_participations") : undefined);

/** Attendance against participation: a bubble is as large as the number of students at its place. @param {{ found: any, chosen: import("./measures.js").Chosen }} props */
export function StudentBubbles({ found, chosen }) {
  const places = new Map();
  for (const each of found.students) {
    if (each.attendance.rate === null) continue;
    const place = `${each.attendance.rate} ${each.participations}`;
    places.set(place, [...(places.get(place) ?? []), each]);
  }
  const data = [...places.values()].map((several) => ({ id: several.length === 1 ? several[0].matricula : undefined, several, value: [several[0].attendance.rate, several[0].participations] }));
  const names = ({ several }) => [...several.slice(0, NAMED).map((each) => each.nombre_del_alumno), ...(several.length > NAMED ? [t("stats.and_more", { number: several.length - NAMED })] : [])];
  const draw = (of) => ({
    ...base(of, (at) => tip(`${percent(at.value[0])}, ${t("stats.participations", { count: at.value[1] })}`, names(at.data))),
    grid: { left: 56, right: 30, top: 24, bottom: 52 },
    xAxis: attendanceOfPoints(of, data.map((each) => each.value[0])),
    yAxis: numbers(of, t("stats.participation"), (value) => number(value), { minInterval: 1, nameGap: 36 }),
    series: [{ type: "scatter", data, symbolSize: (_value, at) => 8 + bubble(at.data.several.length), itemStyle: { color: of.attendance, opacity: 0.65, borderColor: of.card },
      label: { show: true, formatter: (at) => (at.data.several.length > 1 ? number(at.data.several.length) : ""), color: of.ink, fontWeight: "bold" } }],
  });
  return html`<${Chart} id="bubbles" title=${t("stats.bubbles")} about=${t("stats.bubbles.students")} height=${340} draw=${draw} caption=${chosen.caption}
    columns=${studentColumns(chosen)} rows=${found.students} csv=${csvOf(found, chosen, "students")} goTo=${toStudent(chosen)} />`;
}

/** How the students differ: a box, and a dot per student. @param {{ found: any, chosen: import("./measures.js").Chosen }} props */
export function StudentSpread({ found, chosen }) {
  const { summary, students } = found;
  const { show } = chosen;
  const spread = summary[`${show}_spread`];
  const own = (each) => (show === "attendance" ? each.attendance.rate : each.participations / summary.meetings);
  const dots = students.filter((each) => own(each) !== null).map((each, index) => ({ id: each.matricula, name: each.nombre_del_alumno, value: [own(each), ((index * 7) % 11) / 11 - 0.45] }));
  const parts = ["low", "q1", "median", "q3", "high"];
  const draw = (of) => ({
    ...base(of, (at) => (at.seriesType === "boxplot" ? tip(t("stats.box"), parts.map((name) => `${t(`stats.box.${name}`)}: ${written(show, spread[name])}`)) : tip(at.name, [written(show, at.value[0])]))),
    grid: { left: 20, right: 24, top: 20, bottom: 56 },
    xAxis: measureAxis(of, show),
    yAxis: [{ type: "category", data: [summary.clase], show: false }, { type: "value", min: -1, max: 1, show: false }],
    series: [
      { type: "boxplot", data: [{ value: parts.map((name) => spread[name]) }], boxWidth: [60, 90], itemStyle: { color: of.line, borderColor: of[show], borderWidth: 2 }, cursor: "default" },
      { type: "scatter", yAxisIndex: 1, data: dots, symbolSize: 11, itemStyle: { color: of[show], opacity: 0.75, borderColor: of.card } },
    ],
  });
  return html`<${Chart} id="spread" title=${t("stats.spread_of")} about=${t(`stats.spread_of.${show}`, { median: written(show, spread?.median ?? null), students: number(spread?.students ?? 0) })} height=${240} draw=${draw} caption=${chosen.caption}
    columns=${studentColumns(chosen)} rows=${students} csv=${csvOf(found, chosen, "students")} goTo=${toStudent(chosen)}
    empty=${spread ? nothing(chosen, summary) : t("stats.no_one")} />`;
}

/** The students in order: of rank, or those who were there least first. @param {{ found: any, chosen: import("./measures.js").Chosen }} props */
export function StudentOrder({ found, chosen }) {
  const { show } = chosen;
  const [every, setEvery] = useState(false);
  const sorted = show === "participation" ? found.students : found.students.filter((each) => each.attendance.rate !== null).sort((one, other) => one.attendance.rate - other.attendance.rate);
  const rows = every ? sorted : sorted.slice(0, MOST_STUDENTS);
  const names = Object.fromEntries(sorted.map((each) => [each.matricula, each]));
  const value = (each) => (show === "attendance" ? each.attendance.rate : each.participations);
  const shown = show === "attendance" ? percent : (of) => number(of);
  const label = (matricula) => (show === "participation" ? `${names[matricula].rank}. ` : "") + names[matricula].nombre_del_alumno;
  const draw = (of, width) => ({
    ...base(of, (at) => tip(label(at.data.id), [...statuses(names[at.data.id].attendance), t("stats.participations", { count: names[at.data.id].participations })])),
    grid: { left: besides(width), right: 56, top: 6, bottom: 52 },
    xAxis: show === "attendance" ? measureAxis(of, show) : numbers(of, t("stats.participation"), shown, { minInterval: 1 }),
    yAxis: things(of, rows.map((each) => each.matricula), label, { inverse: true, axisLabel: { width: besides(width) - 12 } }),
    series: [{ type: "bar", data: rows.map((each) => ({ id: each.matricula, value: value(each) })), barMaxWidth: 20, itemStyle: { color: of[show], borderRadius: [0, 4, 4, 0] },
      label: { show: true, position: "right", color: of.ink, formatter: (at) => shown(at.value) } }],
  });
  return html`<${Chart} id="order" wide title=${t(`stats.order.${show}`)} about=${t(`stats.order_about.${show}`)} height=${tall(rows.length, 76)} draw=${draw} caption=${chosen.caption}
    columns=${studentColumns(chosen)} rows=${sorted} csv=${csvOf(found, chosen, "students")} goTo=${toStudent(chosen)} empty=${sorted.length ? nothing(chosen, found.summary) : t("stats.no_one")}>
    ${sorted.length > MOST_STUDENTS && html`<p><button type="button" aria-expanded=${every} onClick=${() => setEvery(!every)}>
      ${t(every ? "stats.show_first" : "stats.show_all", { number: number(every ? MOST_STUDENTS : sorted.length) })}</button></p>`}<//>`;
}

/** What holds of a class, in numbers. @param {{ summary: any }} props */
export const ClassFacts = ({ summary }) => html`<section><dl id="facts">
  ${[["stats.students", number(summary.students)], ["stats.meetings", number(summary.meetings)], ["stats.attendance", percent(summary.attendance.rate)],
    ["stats.participation", number(summary.participations)], ["stats.per_meeting", decimal(summary.participations_per_meeting)]].map(([name, value]) => html`<div><dt>${t(name)}</dt><dd>${value}</dd></div>`)}
</dl></section>`;
