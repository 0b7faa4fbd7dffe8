// A photo that was sent to a session, and what was made of its faces.
import { html, useState } from "../../libraries/ui.js";
import { ask } from "../../core/api.js";
import { t } from "../../core/words.js";
import { Action, Section, Waiting, useLoaded } from "../../components/basics.js";
import { Photo } from "../../components/photo.js";
import { Settling } from "./settling.js";

/** @param {any} props */
export function Taken({ photo, roll, address, open, say, undo }) {
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  const source = `${address}/photos/${photo.number}`; // fetched with this page's own key
  const { found, problem } = useLoaded(async (signal) => (await ask("GET", source, { signal })).blob(), [source]);
  const face = chosen === null ? null : photo.faces[chosen];
  const marked = photo.faces.map((each) => ({ box: each.box, kind: each.status, label: label(each), title: `${label(each)}: ${t(`face.${each.status}`)}` }));
  return html`<${Section} title=${t("session.photo", { number: photo.number })} id=${`photo-${photo.number}`}
    actions=${open && html`<${Action} act=${() => undo({ photo: photo.number })}>${t("session.take_back")}<//>`}>
    ${photo.faces.length === 0 && html`<p class="late">${t("session.no_face")}</p>`}
    ${found ? html`<${Photo} source=${found} faces=${marked} choose=${open ? setChosen : undefined} alt=${t("session.photo_of")} size=${{ width: photo.width, height: photo.height }} />` : html`<${Waiting} problem=${problem} />`}
    ${face && found && html`<${Settling} face=${face} photo=${photo} copy=${found} roll=${roll} say=${say} close=${() => setChosen(null)} />`}
  <//>`;
}

/** @param {any} face */
const label = (face) => (face.status === "present" ? face.nombre.split(" ")[0] : t(`face.short.${face.status}`));
