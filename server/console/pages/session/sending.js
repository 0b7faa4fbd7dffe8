// Photos of the class on their way to a session.
import { call, word } from "../../core/api.js";
import { reason, t } from "../../core/words.js";
import { isUnusable } from "../../components/photo_picker.js";

/** @typedef {{ number: number, repeated: boolean, faces: any[], changed: string[] }} Sent `changed`: matriculas */

/**
 * Send photos one by one: what is wrong with one does not keep the others.
 * @param {string} address of the session @param {File[]} files
 * @returns {Promise<{ sent: Sent[], refused: import("../../components/photo_picker.js").Refused[], problem: unknown }>}
 *   `problem`: what ended the sending; the photos that were not sent are among those refused
 */
export async function sendPhotos(address, files) {
  const sent = [], refused = [];
  let problem = /** @type {any} */ (null);
  for (const file of files) {
    if (!problem) {
      try {
        sent.push(await sendPhoto(address, file));
        continue;
      } catch (error) {
        if (isUnusable(error)) {
          refused.push({ name: file.name, why: reason(/** @type {any} */ (error)) });
          continue;
        }
        problem = error;
      }
    }
    refused.push({ name: file.name, why: t("session.not_sent") });
  }
  return { sent, refused, problem };
}

/** @param {string} address @param {File} file @returns {Promise<Sent>} */
async function sendPhoto(address, file) {
  const body = new FormData();
  body.append("image", file, "1");
  const answer = await call("POST", `${address}/photos`, { body, once: word() });
  return { ...answer.photos[0], changed: answer.roll.map((each) => each.matricula) };
}

/** What came of photos, in words. @param {Sent[]} sent */
export function outcome(sent) {
  const changed = new Set(sent.flatMap((each) => each.changed)).size;
  const repeated = sent.filter((each) => each.repeated).length;
  const empty = sent.filter((each) => !each.faces.length).length;
  const rest = [repeated && t("session.repeated", { count: repeated }), empty && t("session.nobody", { count: empty })].filter(Boolean);
  return [...(changed || !rest.length ? [t("session.added", { count: changed })] : []), ...rest].join(" ");
}
