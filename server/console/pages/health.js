// Gallery health: what an audit finds among students and photos, with the photos side by side and what mends it.
import { html, useState } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { to } from "../core/router.js";
import { number, t, when } from "../core/words.js";
import { faultsInWords } from "../components/advice.js";
import { Action, Dialog, Empty, Section, Waiting, failed, told, useLoaded } from "../components/basics.js";
import { JobState, useJob } from "../components/jobs.js";
import { StoredPhoto } from "../components/stored_photo.js";

const SEVERITIES = ["high", "medium", "low"];
const PAGE = 20;

/** @param {{ title: string }} props */
export function Health({ title }) {
  const [severity, setSeverity] = useState("");
  const [aside, setAside] = useState(false);
  const [shown, setShown] = useState(PAGE);
  const list = useLoaded(
    (signal) => call("GET", "/v1/audit", { query: { limit: shown, severity, aside: aside || undefined }, signal }),
    [severity, aside, shown],
  );
  const watched = useJob("audit", (job) => {
    if (job.state === "done") told(t("health.audited"));
    list.again();
  });
  const found = list.found;
  return html`<h1>${title}</h1>
    <${Section} title=${t("health.audit")} id="audit-title" actions=${html`<${Action} id="audit" class="main" disabled=${watched.working} act=${() => watched.start()}>${t("health.run")}<//>`}>
      <p>${t("health.about")}</p>
      ${found?.at && html`<p class="quiet" id="audited-at">${t("health.last", { when: when(found.at) })}</p>`}
      <${JobState} watched=${watched} />
    <//>
    ${found?.job === null && watched.working ? null : found ? html`<${Findings} ...${{ found, severity, setSeverity, aside, setAside }} again=${list.again} more=${() => setShown(shown + PAGE)} />` : html`<${Waiting} problem=${list.problem} again=${list.again} />`}`;
}

/**
 * @param {{ found: any, severity: string, setSeverity: (to: string) => void, aside: boolean, setAside: (to: boolean) => void,
 *   again: () => void, more: () => void }} props
 */
function Findings({ found, severity, setSeverity, aside, setAside, again, more }) {
  if (found.job === null) return html`<${Empty} text=${t("health.never")} />`;
  const total = SEVERITIES.reduce((sum, each) => sum + found.counts[each], 0);
  const choices = [["", t("health.all"), total], ...SEVERITIES.map((each) => [each, t(`severity.${each}`), found.counts[each]])];
  return html`<div class="filters" role="group" aria-label=${t("health.which")}>
      ${choices.map(([value, words, count]) => html`<button type="button" aria-pressed=${!aside && severity === value} onClick=${() => (setAside(false), setSeverity(value))}>${words} (${number(count)})</button>`)}
      <button type="button" id="aside" aria-pressed=${aside} onClick=${() => (setSeverity(""), setAside(true))}>${t("health.aside")} (${number(found.counts.aside)})</button>
    </div>
    ${found.findings.length === 0 && html`<${Empty} text=${t(aside ? "health.none_aside" : "health.none")} />`}
    <ol class="findings plain">${found.findings.map((each) => html`<li key=${each.id}><${Finding} finding=${each} aside=${aside} again=${again} /></li>`)}</ol>
    ${found.next_cursor && html`<p><button type="button" onClick=${more}>${t("more")}</button></p>`}`;
}

/** @param {{ finding: any, aside: boolean, again: () => void }} props */
function Finding({ finding, aside, again }) {
  const [mending, setMending] = useState(/** @type {any} */ (null));
  const title = `finding-${finding.id}`;
  const second = finding.people[1]?.nombre_del_alumno ?? "";
  const names = Object.fromEntries(finding.people.map((each) => [each.matricula, each.nombre_del_alumno]));
  const put = (method) => call(method, `/v1/audit/findings/${finding.id}/aside`);
  const leave = async () => {
    await put("PUT");
    told(t("health.put_aside"), () => put("DELETE").then(again, failed));
    again();
  };
  const takeUp = () => put("DELETE").then(again);
  return html`<article class="card finding" aria-labelledby=${title}>
    <div class="head"><h2 id=${title}>${t(`finding.${finding.kind}`)}</h2><span class=${`mark severity-${finding.severity}`}>${t(`severity.${finding.severity}`)}</span></div>
    <p>${t(`finding.${finding.kind}.${second ? "two" : "about"}`, { first: finding.people[0].nombre_del_alumno, second })}
      ${" "}<span class="quiet">${t("finding.score", { score: number(finding.score, { maximumFractionDigits: 2 }), level: number(finding.level, { maximumFractionDigits: 2 }) })}</span></p>
    <div class="beside">${finding.photos.map((photo) => html`<${StoredPhoto} key=${photo.matricula + photo.id} href=${photo.href} alt=${t("finding.photo_of", { name: names[photo.matricula] })}><${Person} person=${finding.people.find((each) => each.matricula === photo.matricula)} />
      ${photo.faults.length > 0 && html`<small class="faults">${faultsInWords(photo.faults)}</small>`}<//>`)}</div>
    <div class="actions">
      ${finding.mend.map((each) => html`<${Mend} mending=${each} names=${names} choose=${() => setMending(each)} />`)}
      ${aside ? html`<${Action} act=${takeUp}>${t("health.take_up")}<//>` : html`<${Action} class="aside" act=${leave}>${t("health.leave")}<//>`}
    </div>
    ${mending && html`<${Sure} mending=${mending} names=${names} close=${() => setMending(null)} done=${again} />`}
  </article>`;
}

/** @param {{ person: any }} props */
const Person = ({ person }) => html`<a href=${to(["students", "of", person.matricula])}>${person.nombre_del_alumno}</a><br />
  <small>${[person.matricula, person.clase, t("finding.photos", { count: person.photos })].filter(Boolean).join(" · ")}</small>`;

/** @param {{ mending: any, names: Record<string, string>, choose: () => void }} props */
function Mend({ mending, names, choose }) {
  const words = t(`mend.${mending.do}`, { name: names[mending.matricula], to: names[mending.to] ?? "" });
  if (mending.do === "add_photos") return html`<a class="button" href=${to(["students", "of", mending.matricula])}>${words}</a>`;
  return html`<button type="button" class=${mending.do === "erase_photo" ? "danger" : ""} onClick=${choose}>${words}</button>`;
}

/** What a request that mends would do, before it is sent. @param {{ mending: any, names: Record<string, string>, close: () => void, done: () => void }} props */
function Sure({ mending, names, close, done }) {
  const values = { name: names[mending.matricula], matricula: mending.matricula, to: names[mending.to] ?? "", to_matricula: mending.to ?? "" };
  const send = async () => {
    await call(mending.method, mending.path, { json: mending.body ?? undefined });
    told(t(`mend.${mending.do}.done`, values));
    close();
    done();
  };
  return html`<${Dialog} title=${t(`mend.${mending.do}`, values)} close=${close}>
    <p>${t(`mend.when.${mending.when}`)}</p>
    <p>${t(`mend.${mending.do}.about`, values)}</p>
    <div class="actions"><${Action} id="mend" class="main" act=${send}>${t(`mend.${mending.do}`, values)}<//>
      <button type="button" onClick=${close}>${t("cancel")}</button></div>
  <//>`;
}
