// A photo that was sent to a session, and what was made of its faces.
import { html, useState } from "../../libraries/ui.js";
import { ask } from "../../core/api.js";
import { t } from "../../core/words.js";
import { Action, Section, Waiting, useLoaded } from "../../components/basics.js";
import { Photo } from "../../components/photo.js";
import { Settling, whyItWaits } from "./settling.js";

/** @param {any} props `asked`: number of a face that is asked about elsewhere on the page; `shown`: its question was closed */
export function Taken({ photo, roll, address, open, say, undo, asked, shown }) {
  const [chosen, choose] = useState(/** @type {number | null} */ (null));
  const place = chosen ?? (asked === null ? null : asked - 1);
  const setChosen = (/** @type {number | null} */ index) => {
    choose(index);
    if (index === null) shown();
  };
  const source = `${address}/photos/${photo.number}`; // fetched with this page's own key
  const { found, problem } = useLoaded(async (signal) => (await ask("GET", source, { signal })).blob(), [source]);
  const face = place === null ? null : photo.faces[place];
  const marked = photo.faces.map((each) => ({ box: each.box, kind: each.status, label: label(each), title: `${label(each)}: ${t(`face.${each.status}`)} ${whyItWaits(each)}`.trim() }));
  return html`<${Section} title=${t("session.photo", { number: photo.number })} id=${`photo-${photo.number}`}
    actions=${open && html`<${Action} act=${() => undo({ photo: photo.number })}>${t("session.take_back")}<//>`}>
    ${photo.faces.length === 0 && html`<p class="late">${t("session.no_face")}</p>`}
    ${found ? html`<${Photo} source=${found} faces=${marked} choose=${open ? setChosen : undefined} alt=${t("session.photo_of")} size=${{ width: photo.width, height: photo.height }} />` : html`<${Waiting} problem=${problem} />`}
    ${face && found && html`<${Settling} face=${face} photo=${photo} copy=${found} roll=${roll} say=${say} close=${() => setChosen(null)} />`}
  <//>`;
}

/** @param {any} face */
const label = (face) => (face.status === "waiting" && face.matricula ? `${face.nombre.split(" ")[0]}?` : face.status === "present" ? face.nombre.split(" ")[0] : t(`face.short.${face.status}`));
