// A stored photo of a student, small; pressed, it is shown whole.
import { html, useEffect, useState } from "../libraries/ui.js";
import { ask } from "../core/api.js";
import { t } from "../core/words.js";
import { Dialog, useLoaded } from "./basics.js";

/** @typedef {"thumbnail" | "full" | ""} Size of a picture that has one size only: empty */

/** The address of a student. @param {string} matricula */
export const addressOf = (matricula) => `/v1/students/${encodeURIComponent(matricula)}`;
/** The address of a stored photo. @param {string} matricula @param {string} id */
export const addressOfPhoto = (matricula, id) => `${addressOf(matricula)}/images/${id}`;

/** A stored photo as a file, fetched with this page's own key. @param {string} href @param {Size} size */
export const usePicture = (href, size) => useLoaded(async (signal) => (await ask("GET", href, { query: { size }, signal })).blob(), [href, size]);

/** @param {{ href: string, size: Size, alt: string }} props */
export function Picture({ href, size, alt }) {
  const { found, problem } = usePicture(href, size);
  const [address, setAddress] = useState("");
  useEffect(() => {
    if (!found) return undefined;
    const made = URL.createObjectURL(found);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [found]);
  if (problem) return html`<span class="quiet">${t("photo.gone")}</span>`;
  return html`<img src=${address || undefined} alt=${alt} class=${size} />`;
}

/** @param {{ href: string, alt: string, children?: any }} props */
export function StoredPhoto({ href, alt, children }) {
  const [whole, setWhole] = useState(false);
  return html`<figure class="stored">
    <button type="button" class="plain" aria-label=${t("photo.enlarge", { whose: alt })} onClick=${() => setWhole(true)}><${Picture} href=${href} size="thumbnail" alt=${alt} /></button>
    <figcaption>${children}</figcaption>
    ${whole && html`<${Dialog} wide title=${alt} close=${() => setWhole(false)}><div class="whole"><${Picture} href=${href} size="full" alt=${alt} /></div><//>`}
  </figure>`;
}
