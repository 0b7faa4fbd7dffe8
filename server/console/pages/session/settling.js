// Whose face is it? The face of the photo beside the enrolled ones that it resembles.
import { html, useEffect, useRef, useState } from "../../libraries/ui.js";
import { call, me } from "../../core/api.js";
import { seesPhotos } from "../../core/roles.js";
import { number, t } from "../../core/words.js";
import { Action, Dialog, useLoaded } from "../../components/basics.js";
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
  const named = new Set(face.candidates.map((each) => each.matricula));
  const others = roll.filter((each) => !named.has(each.matricula));
  return html`<${Dialog} title=${t("session.whose")} close=${close}>
    <div class="compared"><div class="views">${(face.film?.views ?? [face]).map((each) => html`<${Cut} photo=${photo} copy=${copy} box=${each.box} around=${face.film ? 0 : AROUND} />`)}</div><p class="quiet">${t(`face.${face.status}`)}</p></div>
    <div class="options">${face.candidates.map((each) => html`<${Action} class="option" key=${each.matricula} act=${settle(each.matricula)}>
        ${seesPhotos(me.value?.role) && html`<${Enrolled} matricula=${each.matricula} />`}
        <span>${each.nombre_del_alumno}<small>${each.matricula} · ${number(each.score, { maximumFractionDigits: 2 })}</small></span><//>`)}
      <p class="field"><label for="other">${t("session.someone_else")}</label>
        <select id="other" value=${other} onChange=${(event) => setOther(event.target.value)}><option value="">–</option>
          ${others.map((each) => html`<option value=${each.matricula}>${each.nombre_del_alumno} · ${each.matricula}</option>`)}</select>
        ${other && html`<${Action} class="main" act=${settle(other)}>${t("session.it_is")}<//>`}</p>
      ${face.status !== "unknown" && html`<${Action} class="danger" act=${settle(null)}>${t("session.none_of_them")}<//>`}</div>
    <p class="quiet">${t("session.remembered")}</p>
  <//>`;
}

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
