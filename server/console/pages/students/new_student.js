// A new student: fields, consent, photos.
import { html, useState } from "../../libraries/ui.js";
import { Problem, everything, me } from "../../core/api.js";
import { mayManage } from "../../core/roles.js";
import { go, to } from "../../core/router.js";
import { reason, t } from "../../core/words.js";
import { Empty, Field, Section, told, useLoaded } from "../../components/basics.js";
import { PhotoCollection } from "../../components/photo_collection.js";
import { useConsent } from "./consent.js";
import { useSending } from "./sending.js";

export const NewStudent = () => (mayManage(me.value?.role) ? html`<${Enrolling} />` : html`<${Empty} text=${t("no_page")} />`);

function Enrolling() {
  const [fields, setFields] = useState(/** @type {Record<string, string>} */ ({}));
  const [consent, consentFields] = useConsent();
  const { found: classes } = useLoaded(() => everything("/v1/classes", "classes"), []);
  const set = (event) => setFields((before) => ({ ...before, [event.target.name]: event.target.value.trim() }));
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState(/** @type {{ field: string, text: string } | null} */ (null));
  const { send, doubt } = useSending("/v1/students", (answer) => {
    told(t("students.enrolled", { name: answer.student.nombre_del_alumno }));
    go(["students", "of", answer.student.matricula]);
  });
  const all = { ...fields, ...(consent && { consentimiento: JSON.stringify(consent) }) };
  const enrol = async (/** @type {Blob[]} */ photos) => {
    setTried(true);
    setRefused(null);
    if (!fields.matricula || !fields.nombre_del_alumno) throw new Problem("missing_field", "");
    try {
      await send(all, photos);
    } catch (error) {
      if (error instanceof Problem && error.more.field) setRefused({ field: error.more.field, text: reason(error) });
      throw error;
    }
  };
  const wrong = (/** @type {string} */ name, needed = false) => (needed && tried && !fields[name] ? t("students.needed") : refused?.field === name ? refused.text : "");
  return html`<p><a href=${to(["students"])}>← ${t("page.students")}</a></p>
    <${Section} title=${t("students.add")} id="new-title">
      <div class="fields" onInput=${set}>
        <${Field} label=${t("matricula")} name="matricula" required wrong=${wrong("matricula", true)} autocomplete="off" />
        <${Field} label=${t("name")} name="nombre_del_alumno" required wrong=${wrong("nombre_del_alumno", true)} autocomplete="off" />
        <${Field} label=${t("class")} name="clase" wrong=${wrong("clase")} autocomplete="off" list="classes" hint=${t("students.class_about")} />
        <datalist id="classes">${(classes ?? []).map((each) => html`<option value=${each.clase}></option>`)}</datalist>
      </div>
      ${consentFields}
      <h3>${t("students.photos")}</h3>
      <p class="quiet">${t("photos.advice")}</p>
      <${PhotoCollection} send=${enrol} button=${t("students.enrol")} />
      ${doubt}
    <//>`;
}
