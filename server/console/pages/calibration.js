// Calibration: how many strangers would be named, what a stricter threshold costs, and which one holds.
import { html, useState } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { readStatus } from "../core/server_status.js";
import { number, t, when } from "../core/words.js";
import { Action, Empty, Section, Waiting, told, useLoaded } from "../components/basics.js";
import { JobState, useJob } from "../components/jobs.js";
import { RateCurve } from "../components/rate_curve.js";

const DEFAULT_RATE = 0.001;

/** @param {number} rate */
const oneIn = (rate) => number(Math.round(1 / rate), { maximumSignificantDigits: 3 });
/** @param {number | null} share */
const percent = (share) => (share === null ? t("calibration.not_measured") : number(share, { style: "percent", maximumSignificantDigits: 2 }));

/** @param {{ title: string }} props */
export function Calibration({ title }) {
  const { found, problem, again } = useLoaded((signal) => call("GET", "/v1/calibration", { signal }), []);
  const [changed, setChanged] = useState(/** @type {any} */ (null));
  const watched = useJob("calibrate", (job) => {
    if (job.state === "done") told(t("calibration.done"));
    setChanged(null);
    setTimeout(again, 1500); // the server reads the new curve within a second
    readStatus().catch(() => {});
  });
  const state = changed ?? found;
  if (!state) return html`<h1>${title}</h1><${Waiting} problem=${problem} again=${again} />`;
  return html`<h1>${title}</h1>
    <${Now} state=${state} />
    ${state.calibration && html`<${Choice} key=${state.calibration.fpir} state=${state} changed=${setChanged} />`}
    <${Again} state=${state} watched=${watched} />`;
}

/** The threshold in force, in words. @param {{ state: any }} props */
function Now({ state }) {
  const { now, calibration } = state;
  return html`<${Section} title=${t("calibration.now")} id="now-title">
    ${now && now.fpir > 0 ? html`<p class="large" id="one-in">${t("calibration.one_in", { n: oneIn(now.fpir) })}</p>` : html`<${Empty} text=${t("calibration.none")} />`}
    <dl>
      <div><dt>${t("calibration.score")}</dt><dd>${number(state.threshold, { maximumFractionDigits: 3 })}</dd></div>
      <div><dt>${t("calibration.people")}</dt><dd>${number(state.people)}</dd></div>
      ${now && html`<div><dt>${t("calibration.missed")}</dt><dd>${percent(now.missed)}</dd></div>`}
      ${calibration && html`<div><dt>${t("calibration.made")}</dt><dd>${when(calibration.made_at)}</dd></div>
        <div><dt>${t("calibration.searches")}</dt><dd>${t("calibration.searches_of", { searches: number(calibration.searches), subjects: number(calibration.subjects) })}</dd></div>
        <div><dt>${t("status.pack")}</dt><dd>${calibration.pack.split("@")[0]}</dd></div>`}
    </dl>
    ${!state.rate_is_used && html`<p class="wrong">${t("calibration.set_elsewhere", { source: state.threshold_source })}</p>`}
    ${calibration?.is_stale && html`<p class="wrong">${t("calibration.stale", { then: number(calibration.people), now: number(state.people) })}</p>`}
    ${calibration && now?.doubt && html`<p class="wrong">${t("calibration.doubt", { high: percent(now.fpir_high) })}</p>`}
  <//>`;
}

/** Another rate, looked at before it holds. @param {{ state: any, changed: (state: any) => void }} props */
function Choice({ state, changed }) {
  const rates = state.rates;
  const away = (each) => Math.abs(Math.log(each.fpir_asked / state.calibration.fpir));
  const nearest = rates.reduce((best, each, index) => (away(each) < away(rates[best]) ? index : best), 0);
  const [place, setPlace] = useState(nearest);
  const chosen = rates[place];
  const save = async () => {
    changed(await call("PUT", "/v1/calibration", { json: { fpir: chosen.fpir_asked } }));
    told(t("calibration.saved", { n: oneIn(chosen.fpir_asked) }));
    readStatus().catch(() => {});
  };
  const words = t("calibration.one_in", { n: oneIn(chosen.fpir_asked) });
  return html`<${Section} title=${t("calibration.choose")} id="choose-title">
    <p class="field"><label for="rate">${t("calibration.rate")}</label>
      <input id="rate" type="range" min="0" max=${rates.length - 1} value=${place} aria-valuetext=${words} aria-describedby="rate-means" onInput=${(event) => setPlace(Number(event.target.value))} /></p>
    <div id="rate-means" aria-live="polite"><p class="large">${words}</p>
      <p>${t("calibration.costs", { missed: percent(chosen.missed), score: number(chosen.threshold, { maximumFractionDigits: 3 }) })}</p>
      ${chosen.doubt && html`<p class="wrong">${t("calibration.doubt", { high: percent(chosen.fpir_high) })}</p>`}</div>
    <${Action} id="use-rate" class="main" disabled=${!state.rate_is_used || chosen.fpir_asked === state.calibration.fpir} act=${save}>${t("calibration.use")}<//>
    <${RateCurve} points=${state.curve} now=${state.threshold} chosen=${chosen.threshold} />
    <${Rates} rates=${rates} />
  <//>`;
}

/** The same as a table, for those who do not see the curve. @param {{ rates: any[] }} props */
const Rates = ({ rates }) => html`<details><summary>${t("calibration.table")}</summary><div class="scroll" tabindex="0" role="region" aria-label=${t("calibration.table")}><table id="rates" class="stacked">
  <thead><tr><th scope="col">${t("calibration.strangers")}</th><th scope="col" class="numeric">${t("calibration.score")}</th><th scope="col" class="numeric">${t("calibration.missed")}</th><th scope="col">${t("calibration.measured")}</th></tr></thead>
  <tbody>${rates.map((each) => html`<tr><td data-label=${t("calibration.strangers")}>${t("calibration.one_in_short", { n: oneIn(each.fpir_asked) })}</td><td class="numeric" data-label=${t("calibration.score")}>${number(each.threshold, { maximumFractionDigits: 3 })}</td>
    <td class="numeric" data-label=${t("calibration.missed")}>${percent(each.missed)}</td><td data-label=${t("calibration.measured")}>${t(each.doubt ? "calibration.measured.no" : "calibration.measured.yes")}</td></tr>`)}</tbody></table></div></details>`;

/** @param {{ state: any, watched: ReturnType<typeof useJob> }} props */
function Again({ state, watched }) {
  const start = () => watched.start({ fpir: state.calibration?.fpir ?? DEFAULT_RATE });
  return html`<${Section} title=${t("calibration.again")} id="again-title" actions=${html`<${Action} id="calibrate" class=${state.calibration ? "" : "main"} disabled=${watched.working} act=${start}>${t("calibration.run")}<//>`}>
    <p>${t("calibration.about")}</p>
    ${state.calibration?.sources.strangers && html`<p class="wrong">${t("calibration.had_strangers")}</p>`}
    <${JobState} watched=${watched} />
  <//>`;
}
