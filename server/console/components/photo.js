// Photos with the faces that were found in them.
import { html, useEffect, useMemo, useState } from "../libraries/ui.js";
import { t } from "../core/words.js";

/** @typedef {{ box: number[], kind: string, label: string, title?: string }} Marked */

/**
 * A photo, given as a file or by an address, with a frame and a name at each face. The frames are in pixels of the photo,
 * or of the one that it is a reduced copy of, whose size is given then.
 * @param {{ source: Blob | string, faces: Marked[], choose?: (index: number) => void, alt: string, size?: { width: number, height: number } }} props
 */
export function Photo({ source, faces, choose, alt, size: original }) {
  const [loadedSize, setSize] = useState(/** @type {null | { width: number, height: number }} */ (null));
  const [unreadable, setUnreadable] = useState(""); // the address of a photo that the browser cannot show
  const address = useMemo(() => (typeof source === "string" ? source : URL.createObjectURL(source)), [source]);
  useEffect(
    () => () => {
      if (address.startsWith("blob:")) URL.revokeObjectURL(address);
    },
    [address],
  );
  const loaded = (event) => setSize({ width: event.target.naturalWidth, height: event.target.naturalHeight });
  const size = loadedSize && (original ?? loadedSize);
  if (unreadable === address) return html`<p class="quiet" id="not-shown">${t("photo.not_shown")}</p>`;
  return html`<figure class="photo">
    <img src=${address} alt=${alt} onLoad=${loaded} onError=${() => setUnreadable(address)} />
    ${size && html`<svg viewBox=${`0 0 ${size.width} ${size.height}`} preserveAspectRatio="xMidYMid meet">
      ${faces.map((face, index) => html`<${Frame} key=${index} face=${face} size=${size} index=${index} choose=${choose} />`)}
    </svg>`}
  </figure>`;
}

/** @param {{ face: Marked, size: { width: number, height: number }, index: number, choose?: (index: number) => void }} props */
function Frame({ face, size, index, choose }) {
  const [x1, y1, x2, y2] = face.box;
  const text = Math.max(13, Math.round(Math.max(size.width, size.height) / 55));
  const width = (face.label.length * 0.58 + 0.8) * text;
  const left = Math.max(0, Math.min((x1 + x2 - width) / 2, size.width - width));
  const top = Math.min(y2 + text * 0.1, size.height - text * 1.4);
  const press = choose ? { role: "button", tabIndex: 0, onClick: () => choose(index), onKeyDown: (event) => {
    if (event.key === "Enter" || event.key === " ") (event.preventDefault(), choose(index));
  } } : {};
  return html`<g class=${`frame ${face.kind}`} aria-label=${face.title ?? face.label} ...${press}>
    <rect x=${x1} y=${y1} width=${x2 - x1} height=${y2 - y1} stroke-width=${Math.max(2, text / 7)} rx=${text / 4} />
    <rect class="plate" x=${left} y=${top} width=${width} height=${text * 1.35} rx=${text / 4} />
    <text x=${left + width / 2} y=${top + text} font-size=${text}>${face.label}</text>
  </g>`;
}
