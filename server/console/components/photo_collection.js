// Photos of one person that are chosen or taken, each looked at before any is sent.
import { html, useEffect, useRef, useState } from "../libraries/ui.js";
import { t } from "../core/words.js";
import { adviceOn, inWords, problemInWords } from "./advice.js";
import { Action } from "./basics.js";
import { GuidedCamera } from "./guided_camera.js";
import { PhotoPicker, isUnusable } from "./photo_picker.js";

/** @typedef {"checking" | "good" | "advised" | "refused" | "unchecked"} State */
/** @typedef {{ id: number, photo: Blob, name: string, state: State, words: string[] }} Collected */

const MOST = 16;

/**
 * @param {{ send: (photos: Blob[]) => Promise<void>, button: string, facing?: "user" | "environment" }} props
 */
export function PhotoCollection({ send, button, facing }) {
  const { photos, add, leaveOut, clear } = useCollected();
  const [camera, setCamera] = useState(false);
  const usable = photos.filter((each) => each.state !== "refused");
  const checking = photos.some((each) => each.state === "checking");
  const act = async () => {
    await send(usable.map((each) => each.photo));
    clear();
    setCamera(false);
  };
  return html`<div class="choose"><${PhotoPicker} several chosen=${add} label=${t("students.choose_photos")} />
      <button type="button" id="camera" onClick=${() => setCamera(!camera)}>${t(camera ? "camera.off" : "camera.on")}</button></div>
    ${camera && html`<${GuidedCamera} facing=${facing} taken=${(photo) => add([photo])} />`}
    <ul class="collection" aria-label=${t("students.photos")}>${photos.map((each) => html`<${Item} key=${each.id} item=${each} leaveOut=${leaveOut} />`)}</ul>
    <${Action} class="main" id="send" disabled=${usable.length === 0 || checking} act=${act}>${checking ? t("photos.checking") : button}<//>`;
}

/** Photos, each with what the server says of it; they are checked one after the other. */
function useCollected() {
  const [photos, setPhotos] = useState(/** @type {Collected[]} */ ([]));
  const counted = useRef(0);
  const before = useRef(Promise.resolve());
  const leave = useRef(new AbortController());
  useEffect(() => {
    leave.current = new AbortController();
    return () => leave.current.abort();
  }, []);
  const check = async (/** @type {Collected} */ item) => {
    const found = await judged(item.photo, leave.current.signal);
    setPhotos((all) => all.map((each) => (each.id === item.id ? { ...each, ...found } : each)));
  };
  const add = (/** @type {Blob[]} */ more) => {
    const items = more.slice(0, MOST).map((photo) => /** @type {Collected} */ ({ id: ++counted.current, photo, name: /** @type {any} */ (photo).name ?? "", state: "checking", words: [] }));
    setPhotos((all) => [...all, ...items].slice(0, MOST));
    for (const item of items) before.current = before.current.then(() => check(item));
  };
  return { photos, add, clear: () => setPhotos([]), leaveOut: (/** @type {number} */ id) => setPhotos((all) => all.filter((each) => each.id !== id)) };
}

/** @param {Blob} photo @param {AbortSignal} signal @returns {Promise<{ state: State, words: string[] }>} */
async function judged(photo, signal) {
  try {
    const found = await adviceOn(photo, { detail: "auto", signal, patient: true });
    const state = !found.accepted ? "refused" : found.advice[0] === "ok" ? "good" : "advised";
    return { state, words: inWords(found.advice) };
  } catch (error) {
    const state = isUnusable(error) ? "refused" : "unchecked";
    return { state, words: [problemInWords(error)] };
  }
}

/** @param {{ item: Collected, leaveOut: (id: number) => void }} props */
function Item({ item, leaveOut }) {
  const [address] = useState(() => URL.createObjectURL(item.photo));
  const [shown, setShown] = useState(true);
  useEffect(() => () => URL.revokeObjectURL(address), [address]);
  return html`<li class=${item.state}>
    ${shown ? html`<img src=${address} alt=${item.name} onError=${() => setShown(false)} />` : html`<span class="quiet">${item.name}</span>`}
    <button type="button" aria-label=${t("students.leave_out")} onClick=${() => leaveOut(item.id)}>×</button>
    <strong>${t(`photos.${item.state}`)}</strong>${item.state !== "good" && item.words.map((each) => html`<small>${each}</small>`)}
  </li>`;
}
