// Charts of one student in one class: meeting by meeting, beside the class, and who is next in the ranking.
import { html } from "../../libraries/ui.js";
import { number, t } from "../../core/words.js";
import { Chart } from "../../components/chart.js";
import { base, besides, narrow, numbers, tall, things, tip, zoom } from "../../components/chart_looks.js";
import { decimal, measureAxis, meetingDay, meetingId, meetingLink, meetingName, percent } from "./measures.js";

const ROWS = ["absent", "waiting", "excused", "late", "present"];
const SYMBOLS = { present: "circle", late: "triangle", excused: "diamond", waiting: "rect", absent: "circle" };
const MOST_MEETINGS = 40;

/** @typedef {{ student: any, of: any, chosen: import("./measures.js").Chosen }} Props `of`: the student in one class */

/** @param {any} student @param {import("./measures.js").Chosen} chosen */
const csvOf = (student, chosen) => ({ path: `/v1/statistics/students/${encodeURIComponent(student.matricula)}`, query: chosen.dates, name: `${t("stats.file.student")}-${student.matricula}` });
const meetingColumns = () => [
  { title: t("stats.meeting"), cell: meetingLink },
  { title: t("session.status"), cell: (each) => (each.status ? t(`status.${each.status}`) : "–") },
  { title: t("stats.participation"), cell: (each) => number(each.participations), numeric: true },
  { title: t("stats.of_class"), cell: (each) => percent(each.class_rate), numeric: true },
];

/** What holds of the student in a class, in numbers. @param {{ of: any }} props */
export function StudentFacts({ of }) {
  const { present, late, absent } = of.attendance;
  const facts = [
    ["stats.attended", t("stats.of", { number: number(of.attended), all: number(present + late + absent) })], ["stats.attendance", percent(of.attendance.rate)],
    ["stats.of_class", percent(of.class_rate)], ["stats.participation", number(of.participations)], ["stats.class_mean", decimal(of.class_participations)],
    ["stats.rank", of.rank === null ? "–" : t("stats.of", { number: number(of.rank), all: number(of.students) })],
  ];
  return html`<section><dl id="facts">${facts.map(([name, value]) => html`<div><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

/** The status at each meeting, and how often the student took part. @param {Props} props */
export function OwnMeetings({ student, of, chosen }) {
  const about = Object.fromEntries(of.meetings.map((each) => [meetingId(each), each]));
  const ids = Object.keys(about);
  const tooltip = ([at]) => {
    const each = about[at.axisValue];
    return tip(meetingName(each), [each.status ? t(`status.${each.status}`) : "–", t("stats.participations", { count: each.participations }), `${t("stats.of_class")}: ${percent(each.class_rate)}`]);
  };
  const draw = (colours, width) => {
    const left = narrow(width) ? 92 : 120;
    const category = (grid, more) => things(colours, ids, meetingDay, { gridIndex: grid, triggerEvent: false, ...more });
    return {
      ...base(colours, tooltip, { trigger: "axis", axisPointer: { type: "shadow" } }),
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      grid: [{ left, right: 16, top: 10, height: 150 }, { left, right: 16, top: 190, height: 90 }],
      xAxis: [category(0, { axisLabel: { show: false } }), category(1, { axisLabel: { hideOverlap: true }, name: t("stats.meeting"), nameLocation: "middle", nameGap: 30, nameTextStyle: { color: colours.quiet } })],
      yAxis: [things(colours, ROWS, (each) => t(`status.${each}`), { gridIndex: 0, triggerEvent: false, splitLine: { show: true, lineStyle: { color: colours.line } } }),
        numbers(colours, narrow(width) ? "" : t("stats.participation"), (value) => number(value), { gridIndex: 1, minInterval: 1, nameGap: 40 })],
      dataZoom: zoom(colours, ids.length, MOST_MEETINGS)?.map((each) => ({ ...each, xAxisIndex: [0, 1] })),
      series: [
        { type: "scatter", symbolSize: Math.max(6, Math.min(15, (width - left) / Math.min(ids.length, MOST_MEETINGS))), cursor: "default", data: of.meetings.filter((each) => each.status).map((each) => ({ value: [meetingId(each), each.status], symbol: SYMBOLS[each.status],
          itemStyle: each.status === "absent" ? { color: colours.card, borderColor: colours.reference, borderWidth: 2 } : { color: colours.status[each.status], borderColor: colours.ink, borderWidth: 1 } })) },
        { type: "bar", xAxisIndex: 1, yAxisIndex: 1, data: of.meetings.map((each) => each.participations), itemStyle: { color: colours.participation }, barMaxWidth: 28, cursor: "default" },
      ],
    };
  };
  return html`<${Chart} id="own-time" wide title=${t("stats.own_time")} about=${t("stats.own_time.about")} height=${of.meetings.length > MOST_MEETINGS ? 370 : 340} draw=${draw} caption=${chosen.caption}
    columns=${meetingColumns()} rows=${of.meetings} csv=${csvOf(student, chosen)} />`;
}

/** The attendance rate up to each meeting. @param {any[]} meetings @returns {{ id: string, meeting: any, own: number | null, ofClass: number | null }[]} */
export function upTo(meetings) {
  let [attended, counted, sum, met] = [0, 0, 0, 0];
  return meetings.map((meeting) => {
    const { status, class_rate } = meeting;
    const there = status === "present" || status === "late";
    attended += Number(there);
    counted += Number(there || status === "absent");
    sum += class_rate ?? 0;
    met += Number(class_rate !== null);
    return { id: meetingId(meeting), meeting, own: counted ? attended / counted : null, ofClass: met ? sum / met : null };
  });
}

/** How the student's attendance went, beside the class's. @param {Props} props */
export function OwnCourse({ student, of, chosen }) {
  const steps = upTo(of.meetings);
  const compared = steps.some((each) => each.ofClass !== null);
  const draw = (colours) => ({
    ...base(colours, ([at]) => tip(meetingName(steps[at.dataIndex].meeting), [`${student.nombre_del_alumno}: ${percent(steps[at.dataIndex].own)}`, ...(compared ? [`${t("class")}: ${percent(steps[at.dataIndex].ofClass)}`] : [])]), { trigger: "axis" }),
    legend: { top: 0, left: "center", textStyle: { color: colours.ink } },
    grid: { left: 58, right: 16, top: 40, bottom: steps.length > MOST_MEETINGS ? 84 : 56 },
    xAxis: things(colours, steps.map((each) => each.id), meetingDay, { name: t("stats.meeting"), nameLocation: "middle", nameGap: 30, nameTextStyle: { color: colours.quiet }, triggerEvent: false, axisLabel: { hideOverlap: true } }),
    yAxis: measureAxis(colours, "attendance", { nameGap: 44 }),
    dataZoom: zoom(colours, steps.length, MOST_MEETINGS),
    series: [
      { type: "line", name: student.nombre_del_alumno, data: steps.map((each) => each.own), lineStyle: { width: 3 }, itemStyle: { color: colours.attendance }, symbol: "circle", symbolSize: 7, cursor: "default" },
      ...(compared ? [{ type: "line", name: t("class"), data: steps.map((each) => each.ofClass), lineStyle: { width: 2, type: "dashed" }, itemStyle: { color: colours.reference }, symbol: "rect", symbolSize: 5, cursor: "default" }] : []),
    ],
  });
  const columns = [{ title: t("stats.meeting"), cell: (each) => meetingName(each.meeting) }, { title: student.nombre_del_alumno, cell: (each) => percent(each.own), numeric: true },
    ...(compared ? [{ title: t("class"), cell: (each) => percent(each.ofClass), numeric: true }] : [])];
  return html`<${Chart} id="own-course" title=${t("stats.own_course")} about=${t(compared ? "stats.own_course.about" : "stats.own_course.alone")} height=${320} draw=${draw} caption=${chosen.caption}
    columns=${columns} rows=${steps} csv=${csvOf(student, chosen)} />`;
}

/** The student beside the mean of the class. @param {Props} props */
export function BesideClass({ student, of, chosen }) {
  const lines = [
    { name: t("stats.attendance"), own: of.attendance.rate, mean: of.class_rate, shown: percent },
    { name: t("stats.participation"), own: of.participations, mean: of.class_participations, shown: decimal },
  ];
  const draw = (colours) => {
    const bars = (line, grid, colour) => [["own", colour], ["mean", colours.reference]].map(([key, fill]) => ({
      type: "bar", xAxisIndex: grid, yAxisIndex: grid, name: t(`stats.${key}`), data: [line[key]], itemStyle: { color: fill, borderRadius: [4, 4, 0, 0] }, barMaxWidth: 60, cursor: "default",
      label: { show: true, position: "top", lineHeight: 16, color: colours.ink, formatter: (at) => `${t(`stats.${key}`)}\n${line.shown(at.value)}` },
    }));
    return {
      ...base(colours, (at) => tip(at.seriesName, [lines[at.seriesIndex < 2 ? 0 : 1].shown(at.value)])),
      grid: [{ left: 56, width: "34%", top: 44, bottom: 30 }, { right: 16, width: "34%", top: 44, bottom: 30 }],
      xAxis: lines.map((line, grid) => things(colours, [line.name], String, { gridIndex: grid, triggerEvent: false })),
      yAxis: [measureAxis(colours, "attendance", { gridIndex: 0, name: "" }), numbers(colours, "", (value) => number(value), { gridIndex: 1, minInterval: 1 })],
      series: [...bars(lines[0], 0, colours.attendance), ...bars(lines[1], 1, colours.participation)],
    };
  };
  const columns = [{ title: "", cell: (line) => line.name }, { title: t("stats.own"), cell: (line) => line.shown(line.own), numeric: true }, { title: t("stats.mean"), cell: (line) => line.shown(line.mean), numeric: true }];
  return html`<${Chart} id="beside" title=${t("stats.beside", { clase: of.clase })} about=${t("stats.beside.about")} height=${320} draw=${draw} caption=${chosen.caption} columns=${columns} rows=${lines} csv=${csvOf(student, chosen)} />`;
}

/** The student among those who are next in the ranking. @param {Props & { ranking: any[] }} props `ranking`: the students of the class, by rank */
export function Neighbours({ student, of, chosen, ranking }) {
  const own = ranking.find((each) => each.matricula === student.matricula);
  if (!own) return null;
  const rows = [...[...own.before].reverse(), own, ...own.after];
  const names = Object.fromEntries(rows.map((each) => [each.matricula, each]));
  const label = (matricula) => `${names[matricula].rank}. ${names[matricula].nombre_del_alumno}`;
  const address = (matricula) => chosen.address(["student", matricula]);
  const draw = (colours, width) => ({
    ...base(colours, (at) => tip(label(at.data.id), [t("stats.participations", { count: at.value })])),
    grid: { left: besides(width), right: 48, top: 6, bottom: 52 },
    xAxis: numbers(colours, t("stats.participation"), (value) => number(value), { minInterval: 1 }),
    yAxis: things(colours, rows.map((each) => (each === own ? { value: each.matricula, textStyle: { fontWeight: "bold" } } : each.matricula)), label, { inverse: true, axisLabel: { width: besides(width) - 12 } }),
    series: [{ type: "bar", barMaxWidth: 24, data: rows.map((each) => ({ id: each.matricula, value: each.participations, itemStyle: { color: each === own ? colours.participation : colours.reference, borderRadius: [0, 4, 4, 0] } })),
      label: { show: true, position: "right", color: colours.ink, formatter: (at) => number(at.value) } }],
  });
  const columns = [{ title: t("stats.rank"), cell: (each) => number(each.rank), numeric: true }, { title: t("name"), cell: (each) => html`<a href=${address(each.matricula)}>${each.nombre_del_alumno}</a>` },
    { title: t("stats.participation"), cell: (each) => number(each.participations), numeric: true }];
  return html`<${Chart} id="neighbours" wide title=${t("stats.neighbours")} about=${t("stats.neighbours.about", { rank: number(own.rank), all: number(ranking.length), clase: of.clase })} height=${tall(rows.length + 1, 60)} draw=${draw} caption=${chosen.caption}
    columns=${columns} rows=${rows} csv=${{ path: `/v1/statistics/classes/${encodeURIComponent(of.clase)}`, query: chosen.dates, name: `${t("stats.file.students")}-${of.clase}` }} goTo=${address} />`;
}
