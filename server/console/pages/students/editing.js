// The fields of a student.
import { html } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { t } from "../../core/words.js";
import { Dialog, Field, failed, told } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";

/** @param {{ student: any, close: () => void, done: () => void }} props */
export function Editing({ student, close, done }) {
  const send = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, String(value).trim()]));
    const otras_clases = given.otras_clases.split(",").map((each) => each.trim()).filter(Boolean);
    const fecha_de_registro = given.fecha_de_registro === student.fecha_de_registro.slice(0, 10) ? student.fecha_de_registro : given.fecha_de_registro;
    try {
      await call("PATCH", addressOf(student.matricula), {
        json: { nombre_del_alumno: given.nombre_del_alumno, clase: given.clase, otras_clases, ...(fecha_de_registro && { fecha_de_registro }) },
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
    <${Field} label=${t("students.registered")} name="fecha_de_registro" type="date" value=${student.fecha_de_registro.slice(0, 10)} />
    <button class="main">${t("save")}</button></form><//>`;
}
