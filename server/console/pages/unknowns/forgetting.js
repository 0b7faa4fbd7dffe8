// Forgetting unknown people: one, some faces, or whoever a photo shows.
import { html, useState } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { t } from "../../core/words.js";
import { Dialog, Sure, told } from "../../components/basics.js";
import { PhotoPicker } from "../../components/photo_picker.js";

/** @param {{ card: any, faces: number[], close: () => void, done: (gone: boolean) => void }} props `faces`: those that go; none: the whole card */
export function Forgetting({ card, faces, close, done }) {
  const [asked, setAsked] = useState(false);
  const query = { asked: asked || undefined };
  const forget = async () => {
    if (faces.length) for (const each of faces) await call("DELETE", `/v1/unknowns/${card.id}/faces/${each}`, { query });
    else await call("DELETE", `/v1/unknowns/${card.id}`, { query });
    told(t("unknowns.forgotten"));
    done(!faces.length);
  };
  const title = faces.length ? t("unknowns.forget_faces", { count: faces.length }) : t("unknowns.forget_sure", { id: card.id });
  return html`<${Sure} title=${title} button=${t("unknowns.forget")} act=${forget} close=${close}>
    <p>${t("unknowns.forget_about")}</p><p class="wrong">${t("erasure.final")}</p>
    <label class="check"><input type="checkbox" id="asked" checked=${asked} onChange=${(event) => setAsked(event.target.checked)} />${t("erasure.asked")}</label><//>`;
}

/** @param {{ close: () => void, done: () => void }} props */
export function ForgettingByPhoto({ close, done }) {
  const [photo, setPhoto] = useState(/** @type {Blob | null} */ (null));
  const [gone, setGone] = useState(/** @type {number | null} */ (null));
  const forget = async () => {
    const sent = /** @type {Blob} */ (photo);
    const found = await call("POST", "/v1/unknowns/forget", { body: sent, type: sent.type || "application/octet-stream" });
    setGone(found.faces);
    done();
  };
  if (gone !== null) return html`<${Dialog} title=${t("unknowns.forget_by_photo")} close=${close}><p id="gone" role="status">${t("unknowns.faces_gone", { count: gone })}</p>
    <p><button type="button" class="main" onClick=${close}>${t("close")}</button></p><//>`;
  if (photo) return html`<${Sure} title=${t("unknowns.forget_by_photo")} button=${t("unknowns.forget")} act=${forget} close=${() => setPhoto(null)}>
    <p>${t("unknowns.forget_photo_sure")}</p><p class="wrong">${t("erasure.final")}</p><//>`;
  return html`<${Dialog} title=${t("unknowns.forget_by_photo")} close=${close}><p>${t("unknowns.forget_photo_about")}</p>
    <${PhotoPicker} chosen=${([file]) => setPhoto(file)} label=${t("identify.choose")} /><//>`;
}
