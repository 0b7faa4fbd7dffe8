// Sending photos of a student: what came of it, and what to do when they seem to show someone else.
import { html, useState } from "../../libraries/ui.js";
import { call, me, word } from "../../core/api.js";
import { mayManage } from "../../core/roles.js";
import { reason, t } from "../../core/words.js";
import { Action, Dialog, told } from "../../components/basics.js";

/** What the server says where a photo may show someone else; an admin who has looked may insist. */
const ANOTHER = new Set(["different_person", "possible_duplicate"]);

/** A form with fields and photos. @param {Record<string, string>} fields @param {Blob[]} photos */
function form(fields, photos) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) made.append(name, value);
  photos.forEach((photo, index) => made.append("image", photo, `${index + 1}`));
  return made;
}

/**
 * @param {string} path that takes photos
 * @param {(answer: any) => void} done
 * @returns {{ send: (fields: Record<string, string>, photos: Blob[]) => Promise<void>, doubt: any }} `doubt` is a dialog, or nothing
 */
export function useSending(path, done) {
  const [doubted, setDoubted] = useState(/** @type {any} */ (null));
  const post = async (/** @type {FormData} */ body, /** @type {boolean} */ force) => {
    const answer = await call("POST", path, { body, query: force ? { force: true } : {}, once: word() });
    for (const each of answer.warnings) told(t(`warning.${each.code}`, { name: each.nombre_del_alumno, matricula: each.matricula }));
    done(answer);
  };
  const send = async (/** @type {Record<string, string>} */ fields, /** @type {Blob[]} */ photos) => {
    const body = form(fields, photos);
    try {
      await post(body, false);
    } catch (error) {
      const problem = /** @type {any} */ (error);
      if (ANOTHER.has(problem?.code) && mayManage(me.value?.role)) setDoubted({ problem, body });
      throw error;
    }
  };
  const insist = async () => {
    await post(doubted.body, true);
    setDoubted(null);
  };
  const doubt = doubted && html`<${Dialog} title=${reason(doubted.problem)} close=${() => setDoubted(null)}>
    <p lang="en" class="quiet">${doubted.problem.detail}</p><p>${t("students.insist_about")}</p>
    <div class="actions"><button type="button" class="main" onClick=${() => setDoubted(null)}>${t("students.look_again")}</button>
      <${Action} class="danger" id="insist" act=${insist}>${t("students.insist")}<//></div><//>`;
  return { send, doubt };
}
