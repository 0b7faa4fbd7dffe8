// One unknown person: the faces, whom they resemble, and who it is.
import { html, useState } from "../../libraries/ui.js";
import { call, everything, me } from "../../core/api.js";
import { mayManage, seesPhotos } from "../../core/roles.js";
import { go, to } from "../../core/router.js";
import { number, t, when } from "../../core/words.js";
import { Action, Section, Waiting, failed, told, useLoaded } from "../../components/basics.js";
import { Picture } from "../../components/stored_photo.js";
import { Enrolled } from "../session/settling.js";
import { Forgetting } from "./forgetting.js";
import { Enrolling, IsStudent } from "./naming.js";

/** @param {number} number */
export const addressOf = (number) => `/v1/unknowns/${number}`;

/** @param {{ number: number }} props */
export function Person({ number: id }) {
  const { found, problem, again } = useLoaded(async (signal) => {
    const page = await call("GET", addressOf(id), { signal });
    const faces = page.next_cursor ? await everything(addressOf(id), "faces") : page.faces;
    return { ...page, faces };
  }, [id]);
  const [open, setOpen] = useState(/** @type {any} */ (null));
  const [ticked, setTicked] = useState(/** @type {number[]} */ ([]));
  if (!found) return html`<${Back} /><${Waiting} problem=${problem} again=${again} />`;
  const { unknown: card, faces } = found;
  const manages = mayManage(me.value?.role);
  const chosen = ticked.filter((each) => faces.some((face) => face.id === each));
  const close = () => setOpen(null);
  const changed = () => (setTicked([]), again());
  const mark = async (/** @type {string} */ state) => {
    await call("PATCH", addressOf(id), { json: { state } });
    told(t(`unknowns.marked.${state}`), () => mark(card.state).catch(failed));
    again();
  };
  const actions = manages && html`<button type="button" class="main" id="enrol" onClick=${() => setOpen({ what: "enrol" })}>${t("unknowns.enrol")}</button>
    <button type="button" id="is-student" onClick=${() => setOpen({ what: "student" })}>${t("unknowns.is_student")}</button>
    <${Action} id="mark" act=${() => mark(card.state === "open" ? "not_ours" : "open")}>${t(`unknowns.mark.${card.state}`)}<//>
    <button type="button" class="danger" id="forget" onClick=${() => setOpen({ what: "forget", faces: [] })}>${t("unknowns.forget")}</button>`;
  return html`<${Back} />
    <${Section} title=${t("unknowns.one", { id })} id="unknown-title" actions=${actions}>
      <${Facts} card=${card} />
      ${manages ? html`<${Remark} key=${card.note} card=${card} saved=${again} />` : card.note && html`<p>${card.note}</p>`}
    <//>
    <${Section} title=${t("unknowns.faces")} id="faces-title">
      ${manages && faces.length > 1 && html`<p class="quiet">${t("unknowns.tick")}</p>`}
      <ul class="collection strangers" id="faces">${faces.map((face) => html`<li key=${face.id}><${Face} face=${face} ticks=${manages} ticked=${chosen.includes(face.id)}
        tick=${(on) => setTicked(on ? [...chosen, face.id] : chosen.filter((each) => each !== face.id))} /></li>`)}</ul>
      ${chosen.length > 0 && html`<div class="actions"><${Split} id=${id} faces=${chosen} all=${chosen.length === faces.length} done=${changed} />
        <button type="button" class="danger" id="forget-faces" onClick=${() => setOpen({ what: "forget", faces: chosen })}>${t("unknowns.forget_faces", { count: chosen.length })}</button></div>`}
    <//>
    ${card.resembles.length > 0 && html`<${Section} title=${t("unknowns.resembles")} id="resembles-title"><p class="quiet">${t("unknowns.resembles_about")}</p>
      <div class="options" id="resembles">${card.resembles.map((each) => html`<${Alike} key=${each.matricula} student=${each} choose=${manages && (() => setOpen({ what: "student", student: each }))} />`)}</div><//>`}
    ${card.alike.length > 0 && html`<${Section} title=${t("unknowns.same")} id="same-title"><p class="quiet">${t("unknowns.same_about")}</p>
      <ul class="collection strangers" id="same">${card.alike.map((each) => html`<li key=${each.id}><a href=${to(["unknowns", String(each.id)])}><${Picture} href=${each.picture} size="" alt=${t("unknowns.one", { id: each.id })} /></a>
        <small>${t("score")}: ${score(each.score)}</small>${manages && html`<${Join} id=${id} other=${each.id} done=${changed} />`}</li>`)}</ul><//>`}
    ${open?.what === "enrol" && html`<${Enrolling} card=${card} faces=${chosen} all=${faces.length} close=${close} />`}
    ${open?.what === "student" && html`<${IsStudent} card=${card} faces=${chosen} all=${faces.length} first=${open.student} close=${close} />`}
    ${open?.what === "forget" && html`<${Forgetting} card=${card} faces=${open.faces} close=${close} done=${(gone) => (gone || open.faces.length === faces.length ? go(["unknowns"]) : changed())} />`}`;
}

const Back = () => html`<p><a href=${to(["unknowns"])}>← ${t("page.unknowns")}</a></p>`;
const score = (/** @type {number} */ value) => number(value, { maximumFractionDigits: 2 });

/** @param {{ card: any }} props */
function Facts({ card }) {
  const facts = [
    ["unknowns.visits", number(card.visits)], ["unknowns.first_at", when(card.first_at)], ["unknowns.last_at", when(card.last_at)],
    ["unknowns.looks", number(card.looks)], ["classes", card.clases.join(", ") || t("students.no_class")], ["session.status", t(`unknowns.state_of.${card.state}`)],
  ];
  return html`<dl id="facts">${facts.map(([name, value]) => html`<div><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** @param {{ card: any, saved: () => void }} props */
function Remark({ card, saved }) {
  const [note, setNote] = useState(card.note);
  const save = async () => {
    await call("PATCH", addressOf(card.id), { json: { note: note.trim() } });
    told(t("saved"));
    saved();
  };
  return html`<div class="filters remark"><p class="field"><label for="note">${t("unknowns.note")}</label>
      <input id="note" maxlength="500" value=${note} onInput=${(event) => setNote(event.target.value)} /></p>
    ${note.trim() !== card.note && html`<${Action} id="save-note" act=${save}>${t("save")}<//>`}</div>`;
}

/** @param {{ face: any, ticks: boolean, ticked: boolean, tick: (on: boolean) => void }} props */
function Face({ face, ticks, ticked, tick }) {
  const where = face.clase || t(`unknowns.source.${face.source}`);
  const about = html`<span>${where}</span><small>${when(face.at)}</small>`;
  const picture = html`<${Picture} href=${face.picture} size="" alt=${t("unknowns.face_of", { when: when(face.at) })} />`;
  if (!ticks) return html`${picture}${about}`;
  return html`<label class="ticked">${picture}<span class="check"><input type="checkbox" id=${`face-${face.id}`} checked=${ticked} onChange=${(event) => tick(event.target.checked)} />${where}</span></label>
    <small>${when(face.at)}</small>`;
}

/** @param {{ student: any, choose: false | (() => void) }} props */
function Alike({ student, choose }) {
  const about = html`${seesPhotos(me.value?.role) && html`<${Enrolled} matricula=${student.matricula} />`}
    <span>${student.nombre_del_alumno}<small>${[student.matricula, student.clase].filter(Boolean).join(" · ")} · ${t("score")} ${score(student.score)}</small></span>`;
  return choose ? html`<button type="button" class="option" onClick=${choose}>${about}</button>` : html`<div class="option">${about}</div>`;
}

/** @param {{ id: number, faces: number[], all: boolean, done: () => void }} props */
function Split({ id, faces, all, done }) {
  const split = async () => {
    const made = await call("POST", `${addressOf(id)}/split`, { json: { faces } });
    const undo = () => call("POST", `${addressOf(id)}/join`, { json: { other: made.id } }).then(done, failed);
    told(t("unknowns.was_split", { id: made.id }), undo);
    done();
  };
  return html`<${Action} id="split" disabled=${all} act=${split}>${t("unknowns.split", { count: faces.length })}<//>`;
}

/** @param {{ id: number, other: number, done: () => void }} props */
function Join({ id, other, done }) {
  const join = async () => {
    const moved = (await everything(addressOf(other), "faces")).map((each) => each.id);
    await call("POST", `${addressOf(id)}/join`, { json: { other } });
    const undo = () => call("POST", `${addressOf(id)}/split`, { json: { faces: moved } }).then(done, failed);
    told(t("unknowns.joined"), undo);
    done();
  };
  return html`<${Action} act=${join}>${t("unknowns.join")}<//>`;
}
