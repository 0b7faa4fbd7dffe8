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
 * What is sent with the reader's word, where it may be about someone else than is said.
 * @template Body
 * @param {(body: Body, force: boolean) => Promise<void>} post
 * @returns {{ attempt: (body: Body) => Promise<void>, doubt: any }} `doubt` is a dialog, or nothing
 */
export function useDoubt(post) {
  const [doubted, setDoubted] = useState(/** @type {any} */ (null));
  const attempt = async (/** @type {Body} */ body) => {
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
  return { attempt, doubt };
}

/** Tell what a person should look at after an enrolment. @param {any[]} warnings */
export function tellWarnings(warnings) {
  for (const each of warnings) told(t(`warning.${each.code}`, { name: each.nombre_del_alumno, matricula: each.matricula }));
}

/**
 * @param {string} path that takes photos
 * @param {(answer: any) => void} done
 * @returns {{ send: (fields: Record<string, string>, photos: Blob[]) => Promise<void>, doubt: any }} `doubt` is a dialog, or nothing
 */
export function useSending(path, done) {
  const { attempt, doubt } = useDoubt(async (/** @type {FormData} */ body, force) => {
    const answer = await call("POST", path, { body, query: force ? { force: true } : {}, once: word() });
    tellWarnings(answer.warnings);
    done(answer);
  });
  return { send: (fields, photos) => attempt(form(fields, photos)), doubt };
}
