// What is held about whom, where consents stand, and what goes when.
import { html } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { to } from "../../core/router.js";
import { number, t, when } from "../../core/words.js";
import { Action, Section, Waiting, useLoaded } from "../../components/basics.js";
import { JobState, useJob } from "../../components/jobs.js";

const HELD = ["students", "photos", "templates", "attendances", "faces", "participations", "unknown_faces", "access_lines", "accounts", "keys"];
const STANDING = ["holds", "ends_soon", "none", "withdrawn", "expired"];
const LISTS = ["overdue", "ends_soon", "ended", "none", "no_class"];

export function Privacy() {
  const { found, problem, again } = useLoaded((signal) => call("GET", "/v1/privacy", { query: { names: true }, signal }), []);
  const run = useJob("retention", again);
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  const counts = (/** @type {[string, number][]} */ pairs, /** @type {string} */ id) => html`<dl id=${id} class="counts">${pairs.map(([name, count]) => html`<div><dt>${name}</dt><dd>${number(count)}</dd></div>`)}</dl>`;
  return html`<${Section} title=${t("privacy.held")} id="held-title">
      ${counts(HELD.map((name) => [t(`privacy.${name}`), found[name]]), "held")}<//>
    <${Section} title=${t("privacy.consents")} id="consents-title">
      ${counts(STANDING.map((name) => [t(`privacy.consent.${name}`), found.consents[name] ?? 0]), "consents")}
      ${found.overdue > 0 && html`<p class="wrong" id="overdue">${t("privacy.overdue", { number: number(found.overdue) })}</p>`}
      ${LISTS.map((name) => html`<${Named} name=${name} students=${found.lists[name] ?? []} />`)}<//>
    <${Section} title=${t("privacy.periods")} id="periods-title" actions=${html`<${Action} id="retention" disabled=${run.working} act=${() => run.start()}>${t("privacy.run")}<//>`}>
      <p>${found.retention ? html`<code>${found.retention}</code>` : t("privacy.no_periods")}</p>
      <p class="quiet">${t("privacy.periods_about", { days: found.withdrawal_days })}</p>
      <${JobState} watched=${run} /><//>`;
}

/** @param {{ name: string, students: any[] }} props */
function Named({ name, students }) {
  if (!students.length) return null;
  return html`<details id=${`list-${name}`}><summary>${t(`privacy.list.${name}`)}: ${number(students.length)}</summary>
    <ul>${students.map((each) => html`<li><a href=${to(["students", "of", each.matricula])}>${each.nombre_del_alumno}</a> · ${each.clases.join(", ") || t("students.no_class")}${each.until && html` · ${untilWords(name, each.until)}`}</li>`)}</ul></details>`;
}

/** @param {string} name @param {string} until */
const untilWords = (name, until) => (name === "ended" || name === "overdue" ? t("privacy.erased_at", { moment: when(until) }) : until);
