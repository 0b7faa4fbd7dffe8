// Students: who is enrolled, and one student's record.
import { html, useState } from "../libraries/ui.js";
import { me } from "../core/api.js";
import { mayManage } from "../core/roles.js";
import { to } from "../core/router.js";
import { number, t } from "../core/words.js";
import { Field, Section } from "../components/basics.js";
import { Table, useLines } from "../components/table.js";
import { NewStudent, StudentRecord } from "./student.js";

/** @param {{ title: string, path: string[], query: URLSearchParams }} props */
export function Students({ title, path, query }) {
  if (path[0] === "new" && path.length === 1) return html`<${NewStudent} />`;
  if (path[0] === "of") return html`<${StudentRecord} key=${path[1]} matricula=${path[1]} />`;
  return html`<${List} title=${title} clase=${query.get("clase") ?? ""} />`;
}

/** @param {{ title: string, clase: string }} props */
function List({ title, clase }) {
  const [query, setQuery] = useState({ clase, q: "" });
  const list = useLines("/v1/students", "students", query);
  const search = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setQuery({ clase: String(form.get("clase")).trim(), q: String(form.get("q")).trim() });
  };
  const columns = [
    { title: t("name"), cell: (line) => html`<a href=${to(["students", "of", line.matricula])}>${line.nombre_del_alumno}</a>` },
    { title: t("matricula"), cell: (line) => line.matricula },
    { title: t("classes"), cell: (line) => [line.clase, ...line.otras_clases].filter(Boolean).join(", ") },
    { title: t("students.photos"), cell: (line) => number(line.images), numeric: true },
    { title: t("students.attended"), cell: (line) => number(line.asistencias), numeric: true },
    { title: t("students.taken_part"), cell: (line) => number(line.participaciones), numeric: true },
    { title: t("students.look_at"), cell: (line) => html`<${LookAt} line=${line} />` },
  ];
  const add = mayManage(me.value?.role) && html`<a class="button main" href=${to(["students", "new"])}>${t("students.add")}</a>`;
  return html`<${Section} title=${title} id="students-title" actions=${add}>
    <form class="filters" role="search" onSubmit=${search}>
      <${Field} label=${t("students.search")} name="q" type="search" />
      <${Field} label=${t("class")} name="clase" value=${clase} />
      <button>${t("filter")}</button>
    </form>
    <${Table} id="students" columns=${columns} list=${list} empty=${t(query.clase || query.q ? "students.none_such" : "students.none")} caption=${title} />
  <//>`;
}

/** What a person should look at. @param {{ line: any }} props */
export function LookAt({ line }) {
  const codes = [line.aviso, line.templates === 0 && "without_template", !line.consentimiento && line.kind === "student" && "without_consent"];
  return html`${codes.filter(Boolean).map((code) => html`<span class="mark">${t(`look_at.${code}`)}</span>`)}`;
}
