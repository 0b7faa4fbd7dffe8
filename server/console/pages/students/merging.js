// Merging two records of one person: the other one is found, what would happen is shown, then it is done.
import { html, useState } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { go } from "../../core/router.js";
import { number, t } from "../../core/words.js";
import { Action, Dialog, Field, Waiting, told, useLoaded, useWork } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";
import { Thumbnail } from "../../components/stored_photos.js";
import { Holdings } from "./erasing.js";

const MOVES = ["photos", "attendance_entries", "participation_entries"];
const GOES = ["accounts", "keys", "session_photos"];

/** @param {{ student: any, photos: any[], close: () => void, done: () => void }} props */
export function Merging({ student, photos, close, done }) {
  const [other, setOther] = useState(/** @type {any} */ (null));
  return html`<${Dialog} wide title=${t("merge.title", { name: student.nombre_del_alumno })} close=${close}>
    ${other ? html`<${Comparison} student=${student} photos=${photos} other=${other} back=${() => setOther(null)} done=${done} />`
      : html`<${Finding} student=${student} choose=${setOther} />`}<//>`;
}

/** Who is the same person? @param {{ student: any, choose: (other: any) => void }} props */
function Finding({ student, choose }) {
  const [found, setFound] = useState(/** @type {any[] | null} */ (null));
  const [busy, begin] = useWork();
  const search = (event) => {
    event.preventDefault();
    const q = String(new FormData(event.target).get("other")).trim();
    begin(async () => {
      const page = await call("GET", "/v1/students", { query: { q, limit: 9 } });
      setFound(page.students.filter((each) => each.matricula !== student.matricula));
    });
  };
  return html`<p>${t("merge.about")}</p>
    <form class="filters" role="search" onSubmit=${search}><${Field} label=${t("merge.other")} name="other" type="search" required /><button class="main" disabled=${busy}>${t("students.find")}</button></form>
    <div class="options" id="others" aria-live="polite">${found?.map((each) => html`<button type="button" onClick=${() => choose(each)}>${each.nombre_del_alumno}
      <small>${[each.matricula, each.clase].filter(Boolean).join(" · ")}</small></button>`)}
      ${found?.length === 0 && html`<p class="quiet">${t("students.none_such")}</p>`}</div>`;
}

/** @param {{ student: any, photos: any[], other: any, back: () => void, done: () => void }} props */
function Comparison({ student, photos, other, back, done }) {
  const [turned, setTurned] = useState(false);
  const [stays, goes] = turned ? [other, student] : [student, other];
  const address = `${addressOf(goes.matricula)}/merge`;
  const json = { into: stays.matricula };
  const { found, problem, again } = useLoaded(async (signal) => {
    const [plan, others] = await Promise.all([
      call("POST", address, { json, query: { dry_run: true }, signal, harmless: true }),
      call("GET", `${addressOf(other.matricula)}/images`, { signal }),
    ]);
    return { plan, others: others.photos };
  }, [address, stays.matricula]);
  const merge = async () => {
    await call("POST", address, { json });
    told(t("merge.done", { name: found.plan.student.nombre_del_alumno }));
    if (stays === student) done();
    else go(["students", "of", stays.matricula]);
  };
  if (!found || found.plan.gone.matricula !== goes.matricula) return html`<${Waiting} problem=${problem} again=${again} />`;
  const both = new Set(photos.map((each) => each.id).filter((id) => found.others.some((each) => each.id === id)));
  return html`<div class="compared"><${Side} who=${student} stays=${!turned} photos=${photos} both=${both} /><${Side} who=${other} stays=${turned} photos=${found.others} both=${both} /></div>
    <${After} plan=${found.plan} />
    <div class="actions"><${Action} class="danger" id="merge" act=${merge}>${t("merge.do")}<//>
      <button type="button" id="turn" onClick=${() => setTurned(!turned)}>${t("merge.turn", { matricula: goes.matricula })}</button>
      <button type="button" onClick=${back}>${t("merge.someone_else")}</button></div>`;
}

/** One of the two. @param {{ who: any, stays: boolean, photos: any[], both: Set<string> }} props */
function Side({ who, stays, photos, both }) {
  return html`<div><h3>${who.nombre_del_alumno}</h3><p>${who.matricula} <span class=${stays ? "present" : "late"}>${t(stays ? "merge.stays" : "merge.goes")}</span></p>
    <ul class="collection small">${photos.map((each) => html`<li key=${each.id}><${Thumbnail} matricula=${who.matricula} id=${each.id} />${both.has(each.id) && html`<small>${t("merge.in_both")}</small>`}</li>`)}</ul></div>`;
}

/** What would happen. @param {{ plan: any }} props */
function After({ plan }) {
  const after = plan.student;
  return html`<h3>${t("merge.after")}</h3>
    <dl id="after" class="counts"><div><dt>${t("name")}</dt><dd>${after.nombre_del_alumno}</dd></div><div><dt>${t("matricula")}</dt><dd>${after.matricula}</dd></div>
      <div><dt>${t("classes")}</dt><dd>${[after.clase, ...after.otras_clases].filter(Boolean).join(", ") || t("students.no_class")}</dd></div>
      <div><dt>${t("students.photos")}</dt><dd>${number(plan.photos)}</dd></div><div><dt>${t("merge.photos_in_both")}</dt><dd>${number(plan.photos_in_both)}</dd></div></dl>
    <${Holdings} title=${t("merge.moves", { matricula: plan.gone.matricula })} held=${plan.gone} names=${MOVES} id="moves" />
    <${Holdings} title=${t("merge.erased")} held=${plan.gone} names=${GOES} id="goes" />
    <p class="wrong">${t("erasure.final")}</p>`;
}
