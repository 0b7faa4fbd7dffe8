// A stored photo of a student, small; pressed, it is shown whole.
import { html, useEffect, useState } from "../libraries/ui.js";
import { ask } from "../core/api.js";
import { t } from "../core/words.js";
import { Dialog, useLoaded } from "./basics.js";

/** @param {{ href: string, size: "thumbnail" | "full", alt: string }} props */
function Picture({ href, size, alt }) {
  const { found, problem } = useLoaded(async (signal) => (await ask("GET", href, { query: { size }, signal })).blob(), [href, size]);
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
