// Ways to choose photos: each is made small enough for the server, and the reader learns which one cannot be used.
import { html, useEffect, useRef, useState } from "../libraries/ui.js";
import { t } from "../core/words.js";
import { failed } from "./basics.js";
import { reduced } from "./reduced_photo.js";

/** @typedef {{ name: string, why: string }} Refused */

/** What may be chosen: what the server reads. Browsers do not show all of it. */
const KINDS = "image/jpeg,image/png,image/webp,image/heic,image/heif,image/avif,image/tiff,.heic,.heif,.avif,.tif,.tiff";

/** @param {File} file */
const isPhoto = (file) => file.type.startsWith("image/") || /\.(heic|heif|avif|tiff?)$/i.test(file.name);

/** Answers that are about the photo, and not about whether any can be sent now. */
const UNUSABLE = new Set([400, 413, 415, 422]);

/** Whether a photo was refused for itself. @param {unknown} error */
export const isUnusable = (error) => UNUSABLE.has(/** @type {any} */ (error)?.status);

/**
 * A place to choose, drop or paste photos, or take one with a phone's camera. Photos that are chosen while others are
 * being sent wait for them.
 * @param {{ chosen: (files: File[]) => unknown, several?: boolean, label: string }} props
 *   `chosen` may promise the photos that were refused.
 */
export function PhotoPicker({ chosen, several = false, label }) {
  const [over, setOver] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const [refused, setRefused] = useState(/** @type {Refused[]} */ ([]));
  const before = useRef(Promise.resolve());
  const latest = useRef(chosen);
  latest.current = chosen;
  const send = async (/** @type {File[]} */ photos) => {
    try {
      const ready = [];
      for (const each of photos) ready.push(await reduced(each)); // one at a time: they are large
      const more = /** @type {Refused[] | undefined} */ (await latest.current(ready));
      if (more?.length) setRefused((known) => [...known, ...more]);
    } catch (error) {
      failed(error);
    } finally {
      setWaiting((count) => count - photos.length);
    }
  };
  const take = (/** @type {Iterable<File> | undefined} */ list) => {
    const files = [...(list ?? [])];
    if (!files.length) return;
    const photos = files.filter(isPhoto).slice(0, several ? undefined : 1);
    setRefused(files.filter((each) => !isPhoto(each)).map(({ name }) => ({ name, why: t("error.not_an_image") })));
    setWaiting((count) => count + photos.length);
    if (photos.length) before.current = before.current.then(() => send(photos));
  };
  useEffect(() => {
    const paste = (event) => take(event.clipboardData?.files);
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  });
  const drag = (inside) => (event) => (event.preventDefault(), setOver(inside));
  const drop = (event) => (event.preventDefault(), setOver(false), take(event.dataTransfer?.files));
  const pick = (event) => {
    take(event.target.files);
    event.target.value = ""; // so that the same photo can be chosen again
  };
  return html`<div class="picker"><label class=${over ? "drop over" : "drop"} aria-busy=${waiting > 0} onDragOver=${drag(true)} onDragLeave=${drag(false)} onDrop=${drop}>
      <input type="file" id="photo" accept=${KINDS} multiple=${several} onChange=${pick} />
      <span>${label}</span><small>${t("photo.paste")}</small>
      <span class="sending" role="status">${waiting > 0 && t("photo.sending", { count: waiting })}</span>
    </label>
    <ul id="not-used" class="plain wrong" role="alert">${refused.map((each) => html`<li>${each.name && html`<strong>${each.name}</strong>: `}${each.why}</li>`)}</ul></div>`;
}
