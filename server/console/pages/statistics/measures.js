// What is measured of classes, weeks, meetings and students: attendance, or participation. How each is written.
import { html } from "../../libraries/ui.js";
import { day, number, t } from "../../core/words.js";
import { numbers } from "../../components/chart_looks.js";
import { MeetingLink } from "../../components/meeting_link.js";

/** @typedef {"attendance" | "participation"} Measure */
/** @typedef {{ show: Measure, dates: { desde: string, hasta: string }, address: (path: string[]) => string, caption: string }} Chosen */

/** @type {Measure[]} */
export const MEASURES = ["attendance", "participation"];

/** What is measured of a class or a week. @param {Measure} show @param {any} line @returns {number | null} */
export const measured = (show, line) => (show === "attendance" ? line.attendance.rate : line.participations_per_meeting);

/** @param {number | null} value of 0 to 1 */
export const percent = (value) => (value === null ? "–" : number(value, { style: "percent", maximumFractionDigits: 0 }));

/** @param {number | null} value */
export const decimal = (value) => (value === null ? "–" : number(value, { maximumFractionDigits: 2 }));

/** @param {Measure} show @param {number | null} value */
export const written = (show, value) => (show === "attendance" ? percent(value) : decimal(value));

/** The axis of a measure. @param {import("../../components/chart_looks.js").Look} of @param {Measure} show @param {any} [more] */
export const measureAxis = (of, show, more = {}) =>
  numbers(of, t(`stats.axis.${show}`), (value) => written(show, value), show === "attendance" ? { max: 1, ...(more.min === undefined && { interval: 0.25 }), ...more } : more);

/** An axis of attendance for points, which need no zero: it begins where there are some. @param {import("../../components/chart_looks.js").Look} of @param {number[]} rates */
export const attendanceOfPoints = (of, rates) => measureAxis(of, "attendance", { min: Math.max(0, Math.floor(Math.min(...rates, 0.9) * 10 - 0.5) / 10) });

/** A day beside an axis; with the year when it is not this one. @param {string} date ISO */
export const shortDay = (date) => day(date, { day: "numeric", month: "short", ...(date.slice(0, 4) !== String(new Date().getFullYear()) && { year: "2-digit" }) });

/** A meeting as an id that no other meeting of the class has. @param {any} meeting */
export const meetingId = (meeting) => `${meeting.fecha} ${meeting.session ?? ""}`;

/** @param {string} id of {@link meetingId} */
export const meetingDay = (id) => shortDay(id.slice(0, 10));

/** A meeting in words. @param {any} meeting */
export const meetingName = (meeting) =>
  [day(meeting.fecha, { weekday: "short", day: "numeric", month: "long", year: "numeric" }), meeting.starts].filter(Boolean).join(", ");

/** The same, leading to its session. @param {any} meeting */
export const meetingLink = (meeting) => html`<${MeetingLink} session=${meeting.session}>${meetingName(meeting)}<//>`;

/** What a tooltip says of attendance: how often what was so, without what never was. @param {any} sums */
export const statuses = (sums) =>
  ["present", "late", "excused", "waiting", "absent"].filter((each) => sums[each]).map((each) => `${t(`status.${each}`)}: ${number(sums[each])}`);
