// How charts look: colours that colour-blind readers can tell apart (Okabe and Ito's), axes, tooltips.
import { computed, signal } from "../libraries/ui.js";

/**
 * @typedef {{ ink: string, quiet: string, line: string, card: string, attendance: string, participation: string, reference: string,
 *   status: Record<string, string>, ramp: string[], onLow: string, onHigh: string, hatch: string }} Look
 */

/** @type {Look} */
export const LIGHT = {
  ink: "#1d2733", quiet: "#52606f", line: "#d5dce4", card: "#ffffff",
  attendance: "#0072b2", participation: "#d55e00", reference: "#7a8794",
  status: { present: "#009e73", late: "#e69f00", excused: "#56b4e9", waiting: "#cc79a7", absent: "#c3cad2" },
  ramp: ["#edf4fa", "#a9cde8", "#4f9acf", "#0b4f8a"], onLow: "#1d2733", onHigh: "#ffffff", hatch: "rgba(29, 39, 51, 0.45)",
};
/** @type {Look} */
const DARK = {
  ink: "#e8edf3", quiet: "#a3b0be", line: "#323d49", card: "#1a212a",
  attendance: "#56b4e9", participation: "#f0a04b", reference: "#a3b0be",
  status: { present: "#2fc298", late: "#e69f00", excused: "#56b4e9", waiting: "#d892b8", absent: "#55616e" },
  ramp: ["#20364b", "#2b6299", "#5aa7e0", "#d3eaff"], onLow: "#e8edf3", onHigh: "#0d1720", hatch: "rgba(17, 22, 28, 0.6)",
};
const scheme = matchMedia("(prefers-color-scheme: dark)");
const dark = signal(scheme.matches);
scheme.addEventListener("change", () => {
  dark.value = scheme.matches;
});
/** The look that goes with the page, as the device says. */
export const look = computed(() => (dark.value ? DARK : LIGHT));

const NARROW_PX = 560;
/** Whether a chart of this width is on a phone. @param {number} width in pixels */
export const narrow = (width) => width < NARROW_PX;

/**
 * What is the same in every chart. `tip` makes the tooltip of what the pointer is at.
 * @param {Look} of @param {(at: any) => HTMLElement | string} tip @param {any} [tooltip]
 */
export const base = (of, tip, tooltip = {}) => ({
  animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  animationDuration: 300,
  textStyle: { color: of.ink, fontFamily: "system-ui, sans-serif" },
  tooltip: { confine: true, backgroundColor: of.card, borderColor: of.line, textStyle: { color: of.ink }, formatter: tip, ...tooltip },
});

/** A tooltip as elements: text that is written as HTML would need a laxer policy. @param {string} title @param {string[]} lines */
export function tip(title, lines) {
  const box = document.createElement("div");
  box.className = "tip";
  const head = document.createElement("strong");
  head.textContent = title;
  const rows = lines.map((line) => {
    const row = document.createElement("span");
    row.textContent = line;
    return row;
  });
  box.append(head, ...rows);
  return box;
}

/** An axis of numbers. @param {Look} of @param {string} name @param {(value: number) => string} shown @param {any} [more] */
export const numbers = (of, name, shown, more = {}) => ({
  type: "value", name, nameLocation: "middle", nameGap: 30, nameTextStyle: { color: of.quiet }, min: 0,
  axisLabel: { color: of.quiet, formatter: shown, hideOverlap: true }, splitLine: { lineStyle: { color: of.line } },
  axisLine: { show: false }, ...more,
});

/**
 * An axis of things with names, such as classes; the names can be pressed.
 * @param {Look} of @param {any[]} ids @param {(id: string) => string} shown @param {any} [more]
 */
export const things = (of, ids, shown, more = {}) => ({
  type: "category", data: ids, triggerEvent: true, axisTick: { show: false }, axisLine: { lineStyle: { color: of.line } },
  ...more, axisLabel: { color: of.ink, formatter: shown, overflow: "truncate", ...more.axisLabel },
});

/** A hatching, so that a colour does not say it alone. @param {Look} of @param {number} turn in radians */
export const hatched = (of, turn) => ({ symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: turn, color: of.hatch, symbolSize: 1 });

const ROW_PX = 28;
/** How tall a chart with a row per thing is. @param {number} rows @param {number} around for axes and legend, in pixels */
export const tall = (rows, around) => Math.max(2, rows) * ROW_PX + around;

/** How wide the names beside rows are. @param {number} width of the chart */
export const besides = (width) => (narrow(width) ? Math.min(150, width * 0.36) : 200);

/**
 * A bar to choose a part of a long axis, when it is longer than what is legible; it begins at the end.
 * @param {Look} of @param {number} count of places on the axis @param {number} most
 */
export const zoom = (of, count, most) =>
  count <= most ? undefined : [{
    type: "slider", bottom: 6, height: 22, startValue: count - most, endValue: count - 1, borderColor: of.line,
    fillerColor: "rgba(127, 140, 155, 0.25)", textStyle: { color: of.quiet }, brushSelect: false, showDetail: false,
  }];
