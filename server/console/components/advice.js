// What the server says of a photo before it is enrolled, in words.
import { call } from "../core/api.js";
import { reason, t } from "../core/words.js";

/** What matters most comes first: there is no use in more light on a face that is not there. */
const ORDER = ["no_face", "several_faces", "too_small", "too_close", "too_dark", "too_bright", "turned", "tilted", "not_sharp", "ok"];

/** @typedef {{ box: number[], advice: string[] }} AdvisedFace */
/** @typedef {{ accepted: boolean, advice: string[], prominent: number | null, width: number, height: number, faces: AdvisedFace[] }} Advice */

/** @param {string[]} advice codes @returns {string[]} the same in words, what matters most first */
export const inWords = (advice) => [...advice].sort((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other)).map((code) => t(`advice.${code}`));

/** @param {string[]} faults codes of a stored photo @returns {string} */
export const faultsInWords = (faults) => faults.map((code) => t(`fault.${code}`)).join(", ");

/** @param {unknown} error @returns {string} why a photo could not be checked */
export const problemInWords = (error) => (/** @type {any} */ (error)?.code ? reason(/** @type {any} */ (error)) : String(error));

/**
 * Ask what is not good about a photo. Nothing is stored, and no one is looked for.
 * @param {Blob} photo
 * @param {{ detail: "portrait" | "auto", signal: AbortSignal, patient: boolean }} how
 * @returns {Promise<Advice>}
 */
export const adviceOn = (photo, { detail, signal, patient }) =>
  call("POST", "/v1/photos/check", { query: { detail }, body: photo, type: photo.type || "application/octet-stream", signal, harmless: true, patient });
