// A film that was read: who appears in it, each beside the enrolled photo, from when to when, and whose hand was raised.
import { html, useState } from "../../libraries/ui.js";
import { ask, call, me } from "../../core/api.js";
import { seesPhotos } from "../../core/roles.js";
import { clock, number, t } from "../../core/words.js";
import { Action, Section, Waiting, told, useLoaded } from "../../components/basics.js";
import { Cut, Enrolled, Settling, whyItWaits } from "./settling.js";

/** @param {any} props `photo`: the film, as it stands among the session's photos; `asked`: number of a face that is asked about elsewhere on the page; `shown`: its question was closed */
export function Filmed({ photo, roll, address, open, say, undo, acted, asked, shown }) {
  const [chosen, choose] = useState(/** @type {number | null} */ (null));
  const place = chosen ?? (asked === null ? null : asked - 1);
  const setChosen = (/** @type {number | null} */ index) => {
    choose(index);
    if (index === null) shown();
  };
  const source = `${address}/photos/${photo.number}`; // fetched with this page's own key
  const { found, problem } = useLoaded(async (signal) => (await ask("GET", source, { signal })).blob(), [source]);
  const face = place === null ? null : photo.faces[place];
  const notRaised = (raise) => acted(async () => {
    await call("DELETE", `/v1/participations/${raise.participation}`);
    told(t("film.not_raised"));
  });
  return html`<${Section} title=${t("film.number", { number: photo.number, time: clock(Math.round(photo.film.duration_s)) })} id=${`photo-${photo.number}`}
    actions=${open && html`<${Action} act=${() => undo({ photo: photo.number })}>${t("film.take_back")}<//>`}>
    ${found ? html`<ol class="collection appearances">${photo.faces.map((each, index) => html`<li key=${each.number} class=${each.status}>
        <button type="button" class="picture pair" disabled=${!open} aria-label=${t("film.whose", { who: name(each), number: each.number })} onClick=${() => setChosen(index)}>
          ${each.film.views.length > 0 && html`<${Cut} photo=${photo} copy=${found} box=${each.box} around=${0} />`}
          ${each.matricula && seesPhotos(me.value?.role) && html`<${Enrolled} matricula=${each.matricula} />`}</button>
        <strong>${name(each)}</strong>${whyItWaits(each) && html`<small>${whyItWaits(each)}</small>`}
        <small>${clock(each.film.first_s)}–${clock(each.film.last_s)}${each.candidates.length > 0 && ` · ${number(each.candidates[0].score, { maximumFractionDigits: 2 })}`}</small>
        ${each.film.raises.map((raise) => html`<span class="raise" key=${raise.from_s}>${t("film.raised", { time: clock(raise.from_s) })}
          ${open && raise.participation && html`<${Action} class="plain" aria-label=${t("film.no_raise_of", { who: name(each), time: clock(raise.from_s) })} act=${() => notRaised(raise)}>×<//>`}</span>`)}
      </li>`)}</ol>` : html`<${Waiting} problem=${problem} />`}
    ${face && found && html`<${Settling} face=${face} photo=${photo} copy=${found} roll=${roll} say=${say} close=${() => setChosen(null)} />`}
  <//>`;
}

/** @param {any} face */
const name = (face) => (face.status === "waiting" && face.matricula ? `${face.nombre}?` : face.status === "present" ? face.nombre : t(face.status === "ambiguous" ? "face.ambiguous" : `face.short.${face.status}`));
