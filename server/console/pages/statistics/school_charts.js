// Charts of all classes: over time, beside each other, and how their students differ.
import { html, useState } from "../../libraries/ui.js";
import { number, t } from "../../core/words.js";
import { Chart } from "../../components/chart.js";
import { base, besides, narrow, numbers, tall, things, tip, zoom } from "../../components/chart_looks.js";
import { attendanceOfPoints, decimal, measureAxis, measured, percent, shortDay, written } from "./measures.js";

const MOST_ROWS = 20;
const MOST_WEEKS = 30;
const MOST_NAMED = 15;
const NUMBERED_PX = 40;
const HIGH = 0.55; // share of the greatest value from which on a cell is of the other end of the colours

/** The rows of a chart that are shown at first, and a button for the others. @param {any[]} all */
function useFirst(all) {
  const [every, setEvery] = useState(false);
  const rows = every ? all : all.slice(0, MOST_ROWS);
  const more = all.length > MOST_ROWS && html`<p><button type="button" aria-expanded=${every} onClick=${() => setEvery(!every)}>
    ${t(every ? "stats.show_first" : "stats.show_all", { number: number(every ? MOST_ROWS : all.length) })}</button></p>`;
  return { rows, more };
}

/** @param {import("./measures.js").Chosen} chosen */
const toClass = (chosen) => (clase) => chosen.address(["class", clase]);
/** @param {import("./measures.js").Chosen} chosen */
const classColumn = (chosen) => ({ title: t("class"), cell: (each) => html`<a href=${toClass(chosen)(each.clase)}>${each.clase}</a>` });
const sumColumns = () => [
  { title: t("stats.students"), cell: (each) => number(each.students), numeric: true },
  { title: t("stats.meetings"), cell: (each) => number(each.meetings), numeric: true },
  { title: t("stats.attendance"), cell: (each) => percent(each.attendance.rate), numeric: true },
  { title: t("stats.per_meeting"), cell: (each) => decimal(each.participations_per_meeting), numeric: true },
];
const csvOf = (chosen, list) => ({ path: `/v1/statistics/${list}`, query: chosen.dates, name: t(`stats.file.${list}`) });

/** All classes together, week by week. @param {{ classes: any[], chosen: import("./measures.js").Chosen }} props */
export function SchoolOverTime({ classes, chosen }) {
  const weeks = together(classes);
  const { show } = chosen;
  const draw = (of, width) => ({
    ...base(of, ([at]) => tip(t("stats.week_of", { day: shortDay(at.name) }), [`${t(`stats.${show}`)}: ${written(show, at.value)}`,
      `${t("stats.meetings")}: ${number(weeks[at.dataIndex].meetings)}`]), { trigger: "axis" }),
    grid: { left: 62, right: 20, top: 20, bottom: weeks.length > MOST_WEEKS ? 84 : 56 },
    xAxis: things(of, weeks.map((each) => each.monday), shortDay, { name: t("stats.week"), nameLocation: "middle", nameGap: 30, nameTextStyle: { color: of.quiet }, triggerEvent: false, axisLabel: { hideOverlap: true } }),
    yAxis: measureAxis(of, show, { nameGap: 44 }),
    dataZoom: zoom(of, weeks.length, MOST_WEEKS),
    series: [{ type: "line", data: weeks.map((each) => measured(show, each)), symbol: "circle", symbolSize: narrow(width) ? 6 : 8, lineStyle: { width: 3 }, itemStyle: { color: of[show] }, cursor: "default" }],
  });
  const columns = [{ title: t("stats.week"), cell: (each) => shortDay(each.monday) }, ...sumColumns().slice(1)];
  return html`<${Chart} id="school-time" wide title=${t("stats.school_time")} about=${t(`stats.school_time.${show}`)} height=${300} draw=${draw} caption=${chosen.caption}
    columns=${columns} rows=${weeks} csv=${csvOf(chosen, "weeks")} />`;
}

/** The weeks of all classes, added up. @param {any[]} classes of /v1/statistics/weeks */
export function together(classes) {
  const found = new Map();
  for (const of of classes)
    for (const week of of.weeks) {
      const sum = found.get(week.monday) ?? { monday: week.monday, meetings: 0, attended: 0, counted: 0, participations: 0, times: 0 };
      const { present, late, absent } = week.attendance;
      sum.meetings += week.meetings;
      sum.attended += present + late;
      sum.counted += present + late + absent;
      sum.participations += week.participations;
      sum.times += week.meetings * of.students;
      found.set(week.monday, sum);
    }
  return [...found.values()].sort((one, other) => (one.monday < other.monday ? -1 : 1)).map((each) => ({
    ...each, attendance: { rate: each.counted ? each.attended / each.counted : null }, participations_per_meeting: each.times ? each.participations / each.times : null,
  }));
}

/** Commitment: a row per class, a column per week. @param {{ classes: any[], chosen: import("./measures.js").Chosen }} props */
export function Commitment({ classes, chosen }) {
  const { show } = chosen;
  const { rows, more } = useFirst(classes.filter((each) => each.weeks.length));
  const mondays = [...new Set(rows.flatMap((each) => each.weeks.map((week) => week.monday)))].sort();
  const cells = rows.flatMap((of) => of.weeks.map((week) => ({ id: of.clase, week, value: [week.monday, of.clase, measured(show, week)] }))).filter((each) => each.value[2] !== null);
  const most = show === "attendance" ? 1 : Math.max(...cells.map((each) => each.value[2]), 0.01);
  const draw = (of, width) => ({
    ...base(of, (at) => tip(`${at.data.id}, ${t("stats.week_of", { day: shortDay(at.data.week.monday) })}`,
      [`${t("stats.attendance")}: ${percent(at.data.week.attendance.rate)}`, `${t("stats.per_meeting")}: ${decimal(at.data.week.participations_per_meeting)}`, `${t("stats.meetings")}: ${number(at.data.week.meetings)}`])),
    grid: { left: besides(width), right: 12, top: 6, bottom: mondays.length > MOST_WEEKS ? 112 : 84 },
    xAxis: things(of, mondays, shortDay, { triggerEvent: false, splitArea: { show: false }, axisLabel: { color: of.quiet, hideOverlap: true } }),
    yAxis: things(of, rows.map((each) => each.clase), String, { inverse: true, axisLabel: { width: besides(width) - 12 } }),
    dataZoom: zoom(of, mondays.length, MOST_WEEKS),
    visualMap: { type: "continuous", min: 0, max: most, orient: "horizontal", left: "center", bottom: mondays.length > MOST_WEEKS ? 36 : 4, itemHeight: 160, itemWidth: 14, inRange: { color: of.ramp },
      text: [written(show, most), written(show, 0)], textStyle: { color: of.quiet }, hoverLink: false },
    series: [{ type: "heatmap", data: cells.map((each) => ({ ...each, label: { color: each.value[2] / most > HIGH ? of.onHigh : of.onLow } })), itemStyle: { borderColor: of.card, borderWidth: 2 },
      label: { show: (width - besides(width)) / mondays.length > NUMBERED_PX, formatter: (at) => written(show, at.value[2]) } }],
  });
  const columns = [classColumn(chosen), ...mondays.map((monday) => ({ title: shortDay(monday), numeric: true,
    cell: (of) => written(show, measured(show, of.weeks.find((week) => week.monday === monday) ?? { attendance: { rate: null }, participations_per_meeting: null })) }))];
  return html`<${Chart} id="commitment" wide title=${t("stats.commitment")} about=${t(`stats.commitment.${show}`)} height=${tall(rows.length, 96)} draw=${draw} caption=${chosen.caption}
    columns=${columns} rows=${rows} csv=${csvOf(chosen, "weeks")} goTo=${toClass(chosen)}>${more}<//>`;
}

/** Attendance against participation, a bubble per class. @param {{ classes: any[], chosen: import("./measures.js").Chosen }} props */
export function ClassBubbles({ classes, chosen }) {
  const met = classes.filter((each) => each.attendance.rate !== null);
  const draw = (of) => ({
    ...base(of, (at) => tip(at.data.id, sumColumns().map((each) => `${each.title}: ${each.cell(at.data.line)}`))),
    grid: { left: 62, right: 30, top: 24, bottom: 52 },
    xAxis: attendanceOfPoints(of, met.map((each) => each.attendance.rate)),
    yAxis: measureAxis(of, "participation", { nameGap: 44 }),
    series: [{ type: "scatter", data: met.map((line) => ({ id: line.clase, line, value: [line.attendance.rate, line.participations_per_meeting] })),
      symbolSize: (_value, at) => bubble(at.data.line.students), itemStyle: { color: of.attendance, opacity: 0.6, borderColor: of.card },
      label: { show: met.length <= MOST_NAMED, formatter: (at) => at.data.id, position: "right", color: of.ink, opacity: 1 }, labelLayout: { hideOverlap: true } }],
  });
  return html`<${Chart} id="bubbles" title=${t("stats.bubbles")} about=${t("stats.bubbles.classes")} height=${360} draw=${draw} caption=${chosen.caption}
    columns=${[classColumn(chosen), ...sumColumns()]} rows=${classes} csv=${csvOf(chosen, "classes")} goTo=${toClass(chosen)} />`;
}

/** The width of a bubble whose area says how many there are. @param {number} count */
export const bubble = (count) => Math.min(48, 4 + 3.5 * Math.sqrt(count));

/** The mean of each class, the greatest first. @param {{ classes: any[], chosen: import("./measures.js").Chosen }} props */
export function ClassMeans({ classes, chosen }) {
  const { show } = chosen;
  const sorted = classes.filter((each) => measured(show, each) !== null).sort((one, other) => Number(measured(show, other)) - Number(measured(show, one)));
  const { rows, more } = useFirst(sorted);
  const draw = (of, width) => ({
    ...bars(of, width, rows, (each) => Number(measured(show, each)), of[show], (value) => written(show, value)),
    xAxis: measureAxis(of, show),
  });
  return html`<${Chart} id="means" title=${t("stats.means")} about=${t(`stats.means.${show}`)} height=${tall(rows.length, 76)} draw=${draw} caption=${chosen.caption}
    columns=${[classColumn(chosen), ...sumColumns()]} rows=${sorted} csv=${csvOf(chosen, "classes")} goTo=${toClass(chosen)}>${more}<//>`;
}

/** How many students each class has, the most first. @param {{ classes: any[], chosen: import("./measures.js").Chosen }} props */
export function ClassSizes({ classes, chosen }) {
  const sorted = [...classes].sort((one, other) => other.students - one.students);
  const { rows, more } = useFirst(sorted);
  const draw = (of, width) => ({
    ...bars(of, width, rows, (each) => each.students, of.reference, (value) => number(value)),
    xAxis: numbers(of, t("stats.students"), (value) => number(value), { minInterval: 1 }),
  });
  return html`<${Chart} id="sizes" title=${t("stats.sizes")} about=${t("stats.sizes.about")} height=${tall(rows.length, 76)} draw=${draw} caption=${chosen.caption}
    columns=${[classColumn(chosen), sumColumns()[0]]} rows=${sorted} csv=${csvOf(chosen, "classes")} goTo=${toClass(chosen)}>${more}<//>`;
}

/** A bar per class, with its value at the end. */
const bars = (of, width, rows, value, colour, shown) => ({
  ...base(of, (at) => tip(at.name, [shown(at.value)])),
  grid: { left: besides(width), right: 56, top: 6, bottom: 52 },
  yAxis: things(of, rows.map((each) => each.clase), String, { inverse: true, axisLabel: { width: besides(width) - 12 } }),
  series: [{ type: "bar", data: rows.map((each) => ({ id: each.clase, value: value(each) })), itemStyle: { color: colour, borderRadius: [0, 4, 4, 0] }, barMaxWidth: 20,
    label: { show: true, position: "right", color: of.ink, formatter: (at) => shown(at.value) } }],
});

const BOX = ["low", "q1", "median", "q3", "high"];

/** How the students of each class differ. @param {{ classes: any[], chosen: import("./measures.js").Chosen }} props */
export function ClassSpread({ classes, chosen }) {
  const { show } = chosen;
  const spreadOf = (each) => each[`${show}_spread`];
  const sorted = classes.filter(spreadOf).sort((one, other) => spreadOf(other).median - spreadOf(one).median);
  const { rows, more } = useFirst(sorted);
  const columns = [classColumn(chosen), ...BOX.map((name) => ({ title: t(`stats.box.${name}`), cell: (each) => written(show, spreadOf(each)[name]), numeric: true })),
    { title: t("stats.box.outliers"), cell: (each) => spreadOf(each).outliers.map((value) => written(show, value)).join(", ") }];
  const draw = (of, width) => ({
    ...base(of, (at) => tip(at.name || at.data.id, columns.slice(1).map((each) => `${each.title}: ${each.cell(rows.find((row) => row.clase === at.data.id)) || "–"}`))),
    grid: { left: besides(width), right: 24, top: 6, bottom: 52 },
    xAxis: measureAxis(of, show),
    yAxis: things(of, rows.map((each) => each.clase), String, { inverse: true, axisLabel: { width: besides(width) - 12 } }),
    series: [
      { type: "boxplot", data: rows.map((each) => ({ id: each.clase, value: BOX.map((name) => spreadOf(each)[name]) })), boxWidth: [6, 18], itemStyle: { color: of.line, borderColor: of[show], borderWidth: 2 } },
      { type: "scatter", symbolSize: 6, itemStyle: { color: of[show] }, data: rows.flatMap((each) => spreadOf(each).outliers.map((value) => ({ id: each.clase, value: [value, each.clase] }))) },
    ],
  });
  return html`<${Chart} id="spread" title=${t("stats.spread")} about=${t(`stats.spread.${show}`)} height=${tall(rows.length, 76)} draw=${draw} caption=${chosen.caption}
    columns=${columns} rows=${sorted} csv=${csvOf(chosen, "classes")} goTo=${toClass(chosen)}>${more}<//>`;
}
