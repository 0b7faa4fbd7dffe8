// One student: the record, the photos, and what can be changed; and a new student.
import { html, useState } from "../libraries/ui.js";
import { call, me, word } from "../core/api.js";
import { mayManage } from "../core/roles.js";
import { go, to } from "../core/router.js";
import { status } from "../core/server_status.js";
import { day, number, t } from "../core/words.js";
import { Action, Dialog, Field, Section, Waiting, failed, told, useLoaded } from "../components/basics.js";
import { Camera, still } from "../components/camera.js";
import { PhotoPicker } from "../components/photo.js";

const of = (matricula) => `/v1/students/${encodeURIComponent(matricula)}`;

/** @param {{ matricula: string }} props */
export function StudentRecord({ matricula }) {
  const { found, problem, again } = useLoaded((signal) => call("GET", of(matricula), { signal }), [matricula]);
  const [editing, setEditing] = useState(false);
  const [erasing, setErasing] = useState(false);
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  const manages = mayManage(me.value?.role);
  const actions = manages && html`<button type="button" onClick=${() => setEditing(true)}>${t("students.edit")}</button>
    <button type="button" class="danger" onClick=${() => setErasing(true)}>${t("students.erase")}</button>`;
  const facts = [
    ["matricula", found.matricula], ["classes", [found.clase, ...found.otras_clases].filter(Boolean).join(", ")],
    ["students.registered", found.fecha_de_registro.slice(0, 10) && day(found.fecha_de_registro.slice(0, 10), { dateStyle: "medium" })],
    ["students.photos", number(found.images)], ["students.attended", number(found.asistencias)],
    ["students.taken_part", number(found.participaciones)],
    ["consent", found.consentimiento ? `${found.consentimiento.fecha}: ${found.consentimiento.texto}` : t("consent.none")],
  ];
  return html`<p><a href=${to(["students"])}>← ${t("page.students")}</a></p>
    <${Section} title=${found.nombre_del_alumno} id="student-title" actions=${actions}>
      <dl>${facts.map(([name, value]) => html`<div><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>
      ${found.aviso && html`<p class="wrong">${t(`look_at.${found.aviso}`)}
        ${manages && html` <${Action} act=${() => call("PATCH", of(matricula), { json: { aviso: "" } }).then(again)}>${t("students.looked_at")}<//>`}</p>`}
    <//>
    ${(manages || me.value?.role === "student") && html`<${MorePhotos} matricula=${matricula} done=${again} />`}
    ${editing && html`<${Editing} student=${found} close=${() => setEditing(false)} done=${() => (setEditing(false), again())} />`}
    ${erasing && html`<${Erasing} student=${found} close=${() => setErasing(false)} />`}`;
}

/** @param {{ matricula: string, done: () => void }} props */
function MorePhotos({ matricula, done }) {
  const send = async (photos) => {
    const answer = await call("POST", `${of(matricula)}/images`, { body: form({}, photos), once: word() });
    told(t("students.added", { count: photos.length }));
    warn(answer);
    done();
  };
  return html`<${Section} title=${t("students.more_photos")} id="more-title"><${Collect} send=${send} button=${t("students.add_photos")} /><//>`;
}

/**
 * Photos that are chosen or taken, and sent together.
 * @param {{ send: (photos: Blob[]) => Promise<void>, button: string, needed?: boolean }} props
 */
function Collect({ send, button }) {
  const [photos, setPhotos] = useState(/** @type {Blob[]} */ ([]));
  const [camera, setCamera] = useState(false);
  const [video, setVideo] = useState(/** @type {HTMLVideoElement | null} */ (null));
  const add = (more) => setPhotos((before) => [...before, ...more].slice(0, 16));
  const act = async () => {
    await send(photos);
    setPhotos([]);
    setCamera(false);
  };
  return html`<div class="choose"><${PhotoPicker} several chosen=${add} label=${t("students.choose_photos")} />
      <button type="button" onClick=${() => setCamera(!camera)}>${t(camera ? "camera.off" : "camera.on")}</button></div>
    ${camera && html`<${Camera} facing="user" ready=${setVideo}><button type="button" class="main" disabled=${!video}
      onClick=${() => video && still(video).then((photo) => add([photo]), failed)}>${t("camera.take")}</button><//>`}
    <ul class="thumbnails" aria-label=${t("students.photos")}>${photos.map((photo, index) => html`<li key=${index}><${Thumbnail} photo=${photo} />
      <button type="button" aria-label=${t("students.leave_out")} onClick=${() => setPhotos(photos.filter((each) => each !== photo))}>×</button></li>`)}</ul>
    <${Action} class="main" id="send" disabled=${photos.length === 0} act=${act}>${button}<//>`;
}

/** @param {{ photo: Blob }} props */
function Thumbnail({ photo }) {
  const [address] = useState(() => URL.createObjectURL(photo));
  return html`<img src=${address} alt="" onLoad=${() => URL.revokeObjectURL(address)} />`;
}

/** A form with fields and photos. @param {Record<string, string>} fields @param {Blob[]} photos */
function form(fields, photos) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) made.append(name, value);
  photos.forEach((photo, index) => made.append("image", photo, `${index + 1}`));
  return made;
}

/** @param {any} answer of an enrolment */
function warn(answer) {
  for (const each of answer.warnings) told(t(`warning.${each.code}`, { name: each.nombre_del_alumno, matricula: each.matricula }));
}

export function NewStudent() {
  const [fields, setFields] = useState(/** @type {Record<string, string>} */ ({}));
  const set = (event) => setFields((before) => ({ ...before, [event.target.name]: event.target.value }));
  const send = async (photos) => {
    const { texto, ...rest } = fields;
    /** @type {Record<string, string>} */
    const consent = texto ? { consentimiento: JSON.stringify({ fecha: status.value?.today, texto }) } : {};
    const answer = await call("POST", "/v1/students", { body: form({ ...rest, ...consent }, photos), once: word() });
    told(t("students.enrolled", { name: answer.student.nombre_del_alumno }));
    warn(answer);
    go(["students", "of", answer.student.matricula]);
  };
  return html`<p><a href=${to(["students"])}>← ${t("page.students")}</a></p>
    <${Section} title=${t("students.add")} id="new-title">
      <div onInput=${set}>
        <${Field} label=${t("matricula")} name="matricula" required autocomplete="off" />
        <${Field} label=${t("name")} name="nombre_del_alumno" required autocomplete="off" />
        <${Field} label=${t("class")} name="clase" autocomplete="off" />
        <${Field} label=${t("consent")} name="texto" autocomplete="off" hint=${t("consent.about")} />
      </div>
      <${Collect} send=${send} button=${t("students.enrol")} />
    <//>`;
}

/** @param {{ student: any, close: () => void, done: () => void }} props */
function Editing({ student, close, done }) {
  const send = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target));
    const otras_clases = String(given.otras_clases).split(",").map((each) => each.trim()).filter(Boolean);
    const texto = String(given.texto).trim();
    const fecha = student.consentimiento?.fecha ?? status.value?.today;
    const consentimiento = texto ? { fecha, texto } : null;
    try {
      await call("PATCH", of(student.matricula), {
        json: { nombre_del_alumno: given.nombre_del_alumno, clase: given.clase, otras_clases, consentimiento },
      });
      told(t("saved"));
      done();
    } catch (error) {
      failed(error);
    }
  };
  return html`<${Dialog} title=${t("students.edit")} close=${close}><form onSubmit=${send}>
    <${Field} label=${t("name")} name="nombre_del_alumno" required value=${student.nombre_del_alumno} />
    <${Field} label=${t("class")} name="clase" value=${student.clase} />
    <${Field} label=${t("students.other_classes")} name="otras_clases" value=${student.otras_clases.join(", ")} hint=${t("classes.hint")} />
    <${Field} label=${t("consent")} name="texto" value=${student.consentimiento?.texto ?? ""} hint=${t("consent.about")} />
    <button class="main">${t("save")}</button></form><//>`;
}

/** @param {{ student: any, close: () => void }} props */
function Erasing({ student, close }) {
  const [typed, setTyped] = useState("");
  const erase = async () => {
    await call("DELETE", of(student.matricula));
    told(t("students.erased", { name: student.nombre_del_alumno }));
    go(["students"]);
  };
  return html`<${Dialog} title=${t("students.erase")} close=${close}>
    <p>${t("students.erase_about", { name: student.nombre_del_alumno, photos: number(student.images) })}</p>
    <${Field} label=${t("students.erase_type", { matricula: student.matricula })} name="sure" autocomplete="off" onInput=${(event) => setTyped(event.target.value)} />
    <${Action} class="danger" id="erase" disabled=${typed.trim() !== student.matricula} act=${erase}>${t("students.erase")}<//>
  <//>`;
}
