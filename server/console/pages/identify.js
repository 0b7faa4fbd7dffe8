// Who is this? One photo, and who is in it.
import { html, useState } from "../libraries/ui.js";
import { call, me } from "../core/api.js";
import { mayRecord } from "../core/roles.js";
import { number, t } from "../core/words.js";
import { Section, failed, told } from "../components/basics.js";
import { Camera, still } from "../components/camera.js";
import { FaceTable, shortName } from "../components/faces.js";
import { Photo } from "../components/photo.js";
import { PhotoPicker } from "../components/photo_picker.js";
import { addressOf } from "../components/stored_photo.js";
import { status } from "../core/server_status.js";

const SAMPLES = ["group_02.jpg", "phone_class.jpg", "close_up.jpg"];

/** @param {{ title: string }} props */
export function Identify({ title }) {
  const [photo, setPhoto] = useState(/** @type {Blob | null} */ (null));
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [message, setMessage] = useState("");
  const [camera, setCamera] = useState(false);
  const identify = async (/** @type {Blob} */ file) => {
    setPhoto(file);
    setAnswer(null);
    setMessage(t("identify.searching"));
    try {
      const type = file.type || "application/octet-stream";
      const found = await call("POST", "/v1/identify", { query: { k: 3 }, body: file, type });
      setAnswer(found);
      setMessage(`${t("identify.faces", { count: found.faces.length })}, ${number(Math.round(found.timings_ms.total))} ms`);
    } catch (error) {
      setMessage("");
      failed(error);
    }
  };
  const notThisPerson = async (/** @type {any} */ face, /** @type {number} */ index) => {
    if (!photo) return;
    const about = `${addressOf(face.matricula)}/negatives`;
    try {
      const type = photo.type || "application/octet-stream";
      const said = await call("POST", about, { query: { face: index + 1 }, body: photo, type });
      await identify(photo);
      told(t("negative.said", { name: face.nombre }), () => call("DELETE", `${about}/${said.id}`).then(() => identify(photo), failed));
    } catch (error) {
      failed(error);
    }
  };
  const sample = async (name) => identify(await (await fetch(`/console/sample/${name}`)).blob());
  return html`<${Section} title=${title} id="identify">
    <div class="choose">
      <${PhotoPicker} chosen=${([file]) => identify(file)} label=${t("identify.choose")} />
      <button type="button" onClick=${() => setCamera(!camera)}>${t(camera ? "camera.off" : "camera.on")}</button>
    </div>
    ${camera && html`<${Snapshot} taken=${identify} />`}
    ${status.value?.pack === "sample" && !answer && html`<div id="samples"><p>${t("identify.samples")}</p>
      ${SAMPLES.map((name) => html`<button type="button" onClick=${() => sample(name).catch(failed)}>
        <img src=${`/console/sample/${name}`} alt="" /><span>${t(`identify.sample.${name}`)}</span></button>`)}</div>`}
    <p id="message" class="quiet" role="status" aria-live="polite">${message}</p>
    ${answer?.hint && html`<p class="quiet">${answer.hint}</p>`}
    ${photo && answer && html`<${Photo} source=${photo} alt=${t("photo.chosen")} faces=${answer.faces.map(marked)} />`}
    ${answer && answer.faces.length > 0 && html`<${FaceTable} faces=${answer.faces} notThisPerson=${mayRecord(me.value?.role) ? notThisPerson : undefined} />`}
  <//>`;
}

/** @param {any} face @param {number} index */
const marked = (face, index) => ({ box: face.box, kind: face.decision, label: `${index + 1} ${shortName(face)}` });

/** @param {{ taken: (photo: Blob) => void }} props */
function Snapshot({ taken }) {
  const [video, setVideo] = useState(/** @type {HTMLVideoElement | null} */ (null));
  return html`<${Camera} ready=${setVideo}>
    <button type="button" class="main" disabled=${!video} onClick=${() => video && still(video).then(taken, failed)}>${t("camera.take")}</button>
  <//>`;
}
