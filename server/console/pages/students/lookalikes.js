// Who else a student's photos show: perhaps one person is enrolled under two matriculas.
import { html } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { to } from "../../core/router.js";
import { t } from "../../core/words.js";
import { useLoaded } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";

/** @param {{ matricula: string }} props */
export function Lookalikes({ matricula }) {
  const { found } = useLoaded((signal) => call("GET", `${addressOf(matricula)}/lookalikes`, { signal }), [matricula]);
  if (!found) return null; // also where the student is gone by now
  if (!found.students.length) return html`<span class="lookalikes quiet">${t("lookalikes.none")}</span>`;
  return html`<span class="lookalikes">${t("lookalikes")} ${found.students.map((each, index) => html`${index > 0 && ", "}<a href=${to(["students", "of", each.matricula])}>${each.nombre_del_alumno} (${each.matricula})</a>`)}.</span>`;
}
