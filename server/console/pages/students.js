// Students: which of the pages about them the address names.
import { html } from "../libraries/ui.js";
import { ImportedSheet } from "./students/imported_sheet.js";
import { Imports } from "./students/imports.js";
import { List } from "./students/list.js";
import { NewStudent } from "./students/new_student.js";
import { StudentRecord } from "./students/student_record.js";

/** @param {{ title: string, path: string[], query: URLSearchParams }} props */
export function Students({ title, path, query }) {
  if (path[0] === "new") return html`<${NewStudent} />`;
  if (path[0] === "import") return path[1] ? html`<${ImportedSheet} key=${path[1]} number=${path[1]} />` : html`<${Imports} />`;
  if (path[0] === "of") return html`<${StudentRecord} key=${path[1]} matricula=${path[1]} />`;
  return html`<${List} title=${title} query=${query} />`;
}
