// The fields of a student.
import { html } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { t } from "../../core/words.js";
import { Dialog, Field, told } from "../../components/basics.js";
import { Form } from "../../components/form.js";
import { addressOf } from "../../components/stored_photo.js";

/** @param {{ student: any, close: () => void, done: () => void }} props */
export function Editing({ student, close, done }) {
  const send = async (fields) => {
    const given = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]));
    const otras_clases = given.otras_clases.split(",").map((each) => each.trim()).filter(Boolean);
    const fecha_de_registro = given.fecha_de_registro === student.fecha_de_registro.slice(0, 10) ? student.fecha_de_registro : given.fecha_de_registro;
    await call("PATCH", addressOf(student.matricula), {
      json: { nombre_del_alumno: given.nombre_del_alumno, clase: given.clase, otras_clases, ...(fecha_de_registro && { fecha_de_registro }) },
    });
    told(t("saved"));
    done();
  };
  return html`<${Dialog} title=${t("students.edit")} close=${close}><${Form} id="edit" send=${send} button=${t("save")}>
    <${Field} label=${t("name")} name="nombre_del_alumno" required defaultValue=${student.nombre_del_alumno} />
    <${Field} label=${t("class")} name="clase" defaultValue=${student.clase} />
    <${Field} label=${t("students.other_classes")} name="otras_clases" defaultValue=${student.otras_clases.join(", ")} hint=${t("classes.hint")} />
    <${Field} label=${t("students.registered")} name="fecha_de_registro" type="date" defaultValue=${student.fecha_de_registro.slice(0, 10)} />
    <//><//>`;
}
