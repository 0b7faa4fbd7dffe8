// Groups: how often each group of students is not recognised, or taken for others, and what follows.
import { html } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { number, t, when } from "../core/words.js";
import { Empty, Section, Waiting, useLoaded } from "../components/basics.js";
import { Interval } from "../components/interval.js";

/** @param {number} share */
const percent = (share) => number(share, { style: "percent", maximumFractionDigits: 1 });

/** @param {{ title: string }} props */
export function Groups({ title }) {
  const { found, problem, again } = useLoaded((signal) => call("GET", "/v1/reports/groups", { signal }), []);
  if (!found) return html`<h1>${title}</h1><${Waiting} problem=${problem} again=${again} />`;
  const report = found.report;
  return html`<h1>${title}</h1>
    <p class="quiet">${t("groups.about")}</p>
    ${report ? html`<${Facts} report=${report} />${report.attributes.map((each) => html`<${Attribute} found=${each} least=${report.least_people} />`)}` : html`<${Empty} text=${t("groups.none")}><p><code>presente eval groups</code></p><//>`}`;
}

/** @param {{ report: any }} props */
const Facts = ({ report }) => html`<${Section} title=${t("groups.facts")} id="facts-title"><dl>
  <div><dt>${t("groups.made")}</dt><dd>${when(report.made_at)}</dd></div>
  <div><dt>${t("calibration.people")}</dt><dd>${number(report.people)}</dd></div>
  <div><dt>${t("calibration.score")}</dt><dd>${number(report.threshold, { maximumFractionDigits: 3 })}</dd></div>
  <div><dt>${t("status.pack")}</dt><dd>${report.pack.split("@")[0]}</dd></div></dl><//>`;

/** @param {{ found: any, least: number }} props */
function Attribute({ found, least }) {
  const highest = (member) => Math.max(0.01, ...found.groups.map((each) => each[member]?.high ?? 0));
  const scales = { missed: highest("missed"), named: highest("named") };
  return html`<${Section} title=${found.attribute} id=${`attribute-${found.attribute}`}>
    ${found.groups.length === 0 ? html`<${Empty} text=${t("groups.all_small", { n: number(least) })} />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${found.attribute}><table class="stacked groups">
      <thead><tr><th scope="col">${t("groups.group")}</th><th scope="col" class="numeric">${t("groups.people")}</th><th scope="col">${t("groups.missed")}</th><th scope="col">${t("groups.named")}</th><th scope="col">${t("groups.advice")}</th></tr></thead>
      <tbody>${found.groups.map((each) => html`<tr key=${each.value}><th scope="row" data-label=${t("groups.group")}>${each.value}</th>
        <td class="numeric" data-label=${t("groups.people")}>${t("groups.people_photos", { people: number(each.people), photos: number(each.photos, { maximumFractionDigits: 1 }) })}</td>
        ${["missed", "named"].map((member) => html`<td data-label=${t(`groups.${member}`)}><${Rate} rate=${each[member]} scale=${scales[member]} /></td>`)}
        <td data-label=${t("groups.advice")}>${each.advice.map((word) => html`<p class=${word === "no_difference" || word === "too_little" ? "quiet" : "wrong"}>${t(`groups.advice.${word}`)}</p>`)}</td></tr>`)}</tbody></table></div>`}
    ${found.too_small > 0 && found.groups.length > 0 && html`<p class="quiet">${t("groups.too_small", { count: number(found.too_small), n: number(least) })}</p>`}
  <//>`;
}

/** A share with its interval, as a line and in words. @param {{ rate: any, scale: number }} props */
const Rate = ({ rate, scale }) => (rate === null ? html`<span class="quiet">${t("groups.not_measured")}</span>` : html`<${Interval} share=${rate.share} low=${rate.low} high=${rate.high} scale=${scale} />
  <span>${t("groups.rate", { share: percent(rate.share), low: percent(rate.low), high: percent(rate.high) })}</span>`);
