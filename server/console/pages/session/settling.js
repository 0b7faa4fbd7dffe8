// Whose face is it, and is it a face? The face of the photo beside the enrolled ones that it resembles. A digit answers, too.
import { html, useEffect, useRef, useState } from "../../libraries/ui.js";
import { call, me } from "../../core/api.js";
import { seesPhotos } from "../../core/roles.js";
import { number, t } from "../../core/words.js";
import { Action, Dialog, failed, useLoaded } from "../../components/basics.js";
import { addressOf } from "../../components/stored_photo.js";
import { Thumbnail } from "../../components/stored_photos.js";

const AROUND = 0.35; // of the face's own size, shown on each side
const SIDE = 160;

/**
 * @param {{ face: any, photo: any, copy: Blob, roll: any[], say: (statement: unknown) => Promise<void>, close: () => void }} props
 *   ``copy``: the photo as it is kept, which may be smaller than the one that boxes refer to.
 */
export function Settling({ face, photo, copy, roll, say, close }) {
  const [other, setOther] = useState("");
  const settle = (matricula) => async () => {
    await say({ photo: photo.number, face: face.number, ...(matricula && { matricula }) });
    close();
  };
  const answered = useRef(false);
  useEffect(() => {
    const answer = (/** @type {KeyboardEvent} */ event) => {
      const place = "0123456789".indexOf(event.key);
      if (place < 0 || place > face.candidates.length || event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLSelectElement) return;
      if (answered.current || (place === 0 && face.status === "unknown")) return;
      event.preventDefault();
      answered.current = true;
      settle(place ? face.candidates[place - 1].matricula : null)().catch((error) => {
        answered.current = false;
        failed(error);
      });
    };
    document.addEventListener("keydown", answer);
    return () => document.removeEventListener("keydown", answer);
  }, [face]);
  const waits = face.status === "waiting";
  const named = new Set(face.candidates.map((each) => each.matricula));
  const others = roll.filter((each) => !named.has(each.matricula));
  return html`<${Dialog} title=${t("session.whose")} close=${close}>
    <div class="compared"><div class="views">${(face.film?.views ?? [face]).map((each) => html`<${Cut} photo=${photo} copy=${copy} box=${each.box} around=${face.film ? 0 : AROUND} />`)}</div><p class="quiet">${t(`face.${face.status}`)} ${whyItWaits(face)}</p></div>
    <div class="options">${face.candidates.map((each, place) => html`<${Action} class="option" key=${each.matricula} act=${settle(each.matricula)}>
        ${place < 9 && html`<kbd>${place + 1}</kbd>`}
        ${seesPhotos(me.value?.role) && html`<${Enrolled} matricula=${each.matricula} />`}
        <span>${waits ? t("session.is_here", { name: each.nombre_del_alumno }) : each.nombre_del_alumno}<small>${each.matricula} · ${number(each.score, { maximumFractionDigits: 2 })}</small></span><//>`)}
      <p class="field"><label for="other">${t("session.someone_else")}</label>
        <select id="other" value=${other} onChange=${(event) => setOther(event.target.value)}><option value="">–</option>
          ${others.map((each) => html`<option value=${each.matricula}>${each.nombre_del_alumno} · ${each.matricula}</option>`)}</select>
        ${other && html`<${Action} class="main" act=${settle(other)}>${t("session.it_is")}<//>`}</p>
      ${face.status !== "unknown" && html`<${Action} class="danger" act=${settle(null)}><kbd>0</kbd> ${t(waits ? "session.is_picture" : "session.none_of_them")}<//>`}</div>
    ${!waits && html`<p class="quiet">${t("session.remembered")}</p>`}
  <//>`;
}

/** Why the student whom a face shows waits, in words; nothing of another face. @param {{ entries: any[] }} face */
export const whyItWaits = (face) => {
  const why = face.entries.find((each) => each.reason)?.reason;
  return why ? t(`waits.${why}`) : "";
};

/**
 * A face cut out of a photo, with what is around it: a share of its own size.
 * @param {{ photo: any, copy: Blob, box: number[], around?: number }} props
 */
export function Cut({ photo, copy, box, around = AROUND }) {
  /** @type {any} */
  const canvas = useRef(null);
  useEffect(() => {
    let left = false;
    createImageBitmap(copy).then((picture) => {
      if (left) return;
      const scale = picture.width / photo.width;
      const [x1, y1, x2, y2] = box.map((each) => each * scale);
      const side = Math.max(x2 - x1, y2 - y1) * (1 + 2 * around);
      const place = [(x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side, side];
      canvas.current?.getContext("2d").drawImage(picture, ...place, 0, 0, SIDE, SIDE);
    }, () => {});
    return () => {
      left = true;
    };
  }, [copy, ...box]);
  return html`<canvas ref=${canvas} width=${SIDE} height=${SIDE} role="img" aria-label=${t("session.face_seen")}></canvas>`;
}

/** The first stored photo of a student. @param {{ matricula: string }} props */
export function Enrolled({ matricula }) {
  const { found } = useLoaded((signal) => call("GET", `${addressOf(matricula)}/images`, { signal }), [matricula]);
  const first = found?.photos[0];
  return html`<span class="enrolled">${first && html`<${Thumbnail} matricula=${matricula} id=${first.id} />`}</span>`;
}
