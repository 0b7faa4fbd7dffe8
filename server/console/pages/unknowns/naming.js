// Who an unknown person is: a new student, or one who is enrolled.
import { html, useState } from "../../libraries/ui.js";
import { call, everything, word } from "../../core/api.js";
import { go } from "../../core/router.js";
import { t } from "../../core/words.js";
import { Action, Dialog, Field, told, useLoaded, useWork } from "../../components/basics.js";
import { Form } from "../../components/form.js";
import { useConsent } from "../students/consent.js";
import { tellWarnings, useDoubt } from "../students/sending.js";
import { Enrolled } from "../session/settling.js";

/**
 * Which faces become photos, and what becomes of the others.
 * @param {number[]} faces those that are ticked; none: all @param {number} all how many there are
 * @returns {[Record<string, unknown>, any]} what is sent of it, and the words and the box that say it
 */
function useFaces(faces, all) {
  const [forget, setForget] = useState(true);
  if (!faces.length || faces.length === all) return [{}, html`<p>${t("unknowns.all_faces", { count: all })}</p>`];
  const box = html`<p>${t("unknowns.some_faces", { count: faces.length })}</p>
    <label class="check"><input type="checkbox" id="forget-rest" checked=${forget} onChange=${(event) => setForget(event.target.checked)} />${t("unknowns.forget_rest")}</label>`;
  return [{ faces, rest: forget ? "forget" : "keep" }, box];
}

/** @param {string} path @param {(answer: any) => void} done */
function useNaming(path, done) {
  return useDoubt(async (/** @type {Record<string, unknown>} */ json, force) => {
    const answer = await call("POST", path, { json, query: force ? { force: true } : {}, once: word() });
    tellWarnings(answer.warnings);
    done(answer);
  });
}

/** @param {{ card: any, faces: number[], all: number, close: () => void }} props */
export function Enrolling({ card, faces, all, close }) {
  const [consent, consentFields] = useConsent();
  const [chosen, facesShown] = useFaces(faces, all);
  const { found: classes } = useLoaded(() => everything("/v1/classes", "classes"), []);
  const { attempt, doubt } = useNaming(`/v1/unknowns/${card.id}/enrol`, ({ student }) => {
    told(t("students.enrolled", { name: student.nombre_del_alumno }));
    go(["students", "of", student.matricula]);
  });
  const send = (fields) => {
    const given = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]));
    return attempt({ ...given, ...chosen, ...(consent && { consentimiento: consent }) });
  };
  return html`<${Dialog} title=${t("unknowns.enrol")} close=${close}>${facesShown}
    <${Form} id="enrol-form" send=${send} button=${t("students.enrol")}>
      <${Field} label=${t("matricula")} name="matricula" required autocomplete="off" />
      <${Field} label=${t("name")} name="nombre_del_alumno" required autocomplete="off" />
      <${Field} label=${t("class")} name="clase" defaultValue=${card.clases[0] ?? ""} autocomplete="off" list="classes" hint=${t("students.class_about")} />
      <datalist id="classes">${(classes ?? []).map((each) => html`<option value=${each.clase}></option>`)}</datalist>
      ${consentFields}
    <//>${doubt}<//>`;
}

/** @param {{ card: any, faces: number[], all: number, first?: any, close: () => void }} props `first`: the student who is proposed */
export function IsStudent({ card, faces, all, first, close }) {
  const [student, setStudent] = useState(first ?? null);
  const [chosen, facesShown] = useFaces(faces, all);
  const { attempt, doubt } = useNaming(`/v1/unknowns/${card.id}/merge`, ({ student: made }) => {
    told(t("unknowns.merged", { name: made.nombre_del_alumno }));
    go(["students", "of", made.matricula]);
  });
  return html`<${Dialog} title=${t("unknowns.is_student")} close=${close}>
    ${student ? html`<p class="option"><${Enrolled} matricula=${student.matricula} /><span>${student.nombre_del_alumno}<small>${[student.matricula, student.clase].filter(Boolean).join(" · ")}</small></span></p>
        ${facesShown}
        <div class="actions"><${Action} class="main" id="merge" act=${() => attempt({ matricula: student.matricula, ...chosen })}>${t("unknowns.merge")}<//>
          <button type="button" onClick=${() => setStudent(null)}>${t("merge.someone_else")}</button></div>`
      : html`<${Finding} choose=${setStudent} />`}
    ${doubt}<//>`;
}

/** @param {{ choose: (student: any) => void }} props */
function Finding({ choose }) {
  const [found, setFound] = useState(/** @type {any[] | null} */ (null));
  const [busy, begin] = useWork();
  const search = (event) => {
    event.preventDefault();
    const q = String(new FormData(event.target).get("who")).trim();
    begin(async () => setFound((await call("GET", "/v1/students", { query: { q, limit: 9 } })).students));
  };
  return html`<form class="filters" role="search" onSubmit=${search}><${Field} label=${t("unknowns.who")} name="who" type="search" required /><button class="main" disabled=${busy}>${t("students.find")}</button></form>
    <div class="options" id="found" aria-live="polite">${found?.map((each) => html`<button type="button" class="option" key=${each.matricula} onClick=${() => choose(each)}><${Enrolled} matricula=${each.matricula} />
      <span>${each.nombre_del_alumno}<small>${[each.matricula, each.clase].filter(Boolean).join(" · ")}</small></span></button>`)}
      ${found?.length === 0 && html`<p class="quiet">${t("students.none_such")}</p>`}</div>`;
}
