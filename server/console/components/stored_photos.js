// The stored photos of a student: small ones with what is not good about each, one large with its face, and erasing one.
import { html, useState } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { number, t } from "../core/words.js";
import { faultsInWords } from "./advice.js";
import { Action, Dialog, Empty, Waiting, told, useLoaded } from "./basics.js";
import { Photo } from "./photo.js";
import { Picture, addressOfPhoto, usePicture } from "./stored_photo.js";

/** @typedef {{ id: string, bytes: number, source: string, has_template: boolean, box: number[] | null, faults: string[] }} StoredPhoto */

/**
 * @param {{ matricula: string, photos: StoredPhoto[], erases: boolean, changed: () => void }} props
 */
export function StoredPhotos({ matricula, photos, erases, changed }) {
  const [open, setOpen] = useState(/** @type {string | null} */ (null));
  const shown = photos.find((each) => each.id === open);
  if (!photos.length) return html`<${Empty} text=${t("photos.none")} />`;
  return html`<ul class="collection" id="photos" aria-label=${t("students.photos")}>${photos.map((each, index) => html`<li key=${each.id} class=${each.has_template && !each.faults.length ? "good" : "advised"}>
      <button type="button" class="picture" aria-label=${t("photos.open", { number: index + 1 })} onClick=${() => setOpen(each.id)}><${Thumbnail} matricula=${matricula} id=${each.id} /></button>
      <${Judgement} photo=${each} /></li>`)}</ul>
    ${shown && html`<${Large} matricula=${matricula} photo=${shown} only=${photos.length === 1} erases=${erases} close=${() => setOpen(null)} changed=${() => (setOpen(null), changed())} />`}`;
}

/** @param {{ photo: StoredPhoto }} props */
export function Judgement({ photo }) {
  if (!photo.has_template) return html`<small class="wrong">${t("photos.without_template")}</small>`;
  return photo.faults.length ? html`<small>${faultsInWords(photo.faults)}</small>` : html`<small class="present">${t("photos.good")}</small>`;
}

/** @param {{ matricula: string, id: string }} props */
export const Thumbnail = ({ matricula, id }) => html`<${Picture} href=${addressOfPhoto(matricula, id)} size="thumbnail" alt="" />`;

/** @param {{ matricula: string, photo: StoredPhoto, only: boolean, erases: boolean, close: () => void, changed: () => void }} props */
function Large({ matricula, photo, only, erases, close, changed }) {
  const { found, problem } = usePicture(addressOfPhoto(matricula, photo.id), "full");
  const [sure, setSure] = useState(false);
  const erase = async () => {
    await call("DELETE", addressOfPhoto(matricula, photo.id));
    told(t("photos.erased"));
    changed();
  };
  const faces = photo.box ? [{ box: photo.box, kind: photo.faults.length ? "ambiguous" : "known", label: matricula }] : [];
  return html`<${Dialog} wide title=${t("photos.one")} close=${close}>
    ${found ? html`<${Photo} source=${found} alt=${t("photos.of", { matricula })} faces=${faces} />` : html`<${Waiting} problem=${problem} />`}
    <p><${Judgement} photo=${photo} /></p>
    <p class="quiet">${t("photos.stored", { source: photo.source, kilobytes: number(Math.ceil(photo.bytes / 1000)) })}</p>
    ${erases && (sure ? html`<p>${t("photos.erase_sure")} ${only && t("photos.erase_last")}</p><div class="actions">
        <${Action} class="danger" id="erase-photo" act=${erase}>${t("photos.erase_yes")}<//><button type="button" onClick=${() => setSure(false)}>${t("photos.erase_no")}</button></div>`
      : html`<button type="button" class="danger" onClick=${() => setSure(true)}>${t("photos.erase")}</button>`)}
  <//>`;
}
