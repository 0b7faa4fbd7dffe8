// The curve of a calibration: how many strangers reach a score, and how many photos of students do not.
import { html, useEffect, useRef } from "../libraries/ui.js";
import { language, number, t } from "../core/words.js";

const NARROW = 600;

/** A colour of the style sheet, as it is now. @param {string} name */
const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** @param {number} share */
const percent = (share) => number(share, { style: "percent", maximumSignificantDigits: 2 });

/** @param {{ points: any[], now: number, chosen: number }} props scores: the one in force, and the one that is looked at */
export function RateCurve({ points, now, chosen }) {
  /** @type {any} */
  const place = useRef(null);
  useEffect(() => {
    /** @type {any} */
    let chart = null;
    const element = place.current;
    let left = false;
    const draw = () => chart?.setOption(drawing(points, now, chosen, element.clientWidth < NARROW), true);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const sizes = new ResizeObserver(() => (chart?.resize(), draw()));
    import("../libraries/charts.js").then(({ init }) => {
      if (left) return;
      chart = init(element);
      draw();
      sizes.observe(element);
      dark.addEventListener("change", draw);
      element.dataset.drawn = "yes";
    });
    return () => {
      left = true;
      sizes.disconnect();
      dark.removeEventListener("change", draw);
      chart?.dispose();
    };
  }, [points, now, chosen, language.value]);
  return html`<div class="curve" ref=${place} role="img" aria-label=${t("calibration.curve_about")}></div>`;
}

/** @param {any[]} points @param {number} now @param {number} chosen @param {boolean} narrow */
function drawing(points, now, chosen, narrow) {
  const ink = tone("--ink");
  const axis = { axisLabel: { color: ink }, nameTextStyle: { color: ink }, axisLine: { lineStyle: { color: tone("--line") } }, splitLine: { lineStyle: { color: tone("--line") } } };
  const line = (name, color, member, type) => ({
    name, type: "line", showSymbol: false, data: points.map((each) => [each.threshold, each[member] || null]), lineStyle: { color, type, width: type === "dashed" ? 1 : 3 }, itemStyle: { color },
  });
  const at = (score, words, color) => ({ xAxis: score, label: { formatter: words, color }, lineStyle: { color, type: "solid", width: 2 } });
  const marks = [at(now, t("calibration.now_short"), ink), ...(chosen === now ? [] : [at(chosen, t("calibration.chosen"), tone("--accent"))])];
  const strangers = line(t("calibration.strangers"), tone("--wrong"), "fpir", "solid");
  const missed = points.some((each) => each.missed !== null) ? [line(t("calibration.missed"), tone("--accent"), "missed", "solid")] : [];
  return {
    animation: false,
    aria: { enabled: false },
    grid: { left: 8, right: 24, top: narrow ? 104 : 56, bottom: 24, containLabel: true },
    legend: { textStyle: { color: ink }, top: 0, left: narrow ? 0 : "center", orient: narrow ? "vertical" : "horizontal" },
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: percent },
    xAxis: {
      type: "value", min: "dataMin", max: "dataMax", name: t("calibration.score"), nameLocation: "middle", nameGap: 24, ...axis,
      axisLabel: { color: ink, showMinLabel: false, formatter: (score) => number(score, { maximumFractionDigits: 2 }) },
    },
    yAxis: { type: "log", min: 0.00001, max: 1, ...axis, axisLabel: { color: ink, formatter: percent } },
    series: [
      { ...strangers, markLine: { symbol: "none", data: marks } },
      line(t("calibration.interval"), tone("--quiet"), "fpir_low", "dashed"),
      { ...line(t("calibration.interval"), tone("--quiet"), "fpir_high", "dashed") },
      ...missed,
    ],
  };
}
