// A camera that says what is wrong with what it sees, and takes the photo by itself when nothing is.
import { html, useEffect, useRef, useState } from "../libraries/ui.js";
import { wait } from "../core/api.js";
import { t } from "../core/words.js";
import { adviceOn, inWords, problemInWords } from "./advice.js";
import { failed } from "./basics.js";
import { Camera, still } from "./camera.js";

/** @typedef {{ advice: import("./advice.js").Advice | null, problem: string }} Seen */

const CHECK_EVERY_MS = 500;
const AFTER_PROBLEM_MS = 2000;
const CHECKED_PIXELS = 800;
const STEADY_MS = 1000;
const BETWEEN_PHOTOS_MS = 2500;
const BY_ITSELF = 3;

/** @param {{ taken: (photo: Blob) => void, facing?: "user" | "environment" }} props */
export function GuidedCamera({ taken, facing: first = "environment" }) {
  const [facing, setFacing] = useState(first);
  const [video, setVideo] = useState(/** @type {HTMLVideoElement | null} */ (null));
  const [seen, setSeen] = useState(/** @type {Seen} */ ({ advice: null, problem: "" }));
  const [alone, setAlone] = useState(true);
  const [count, setCount] = useState(0);
  const take = (/** @type {HTMLVideoElement} */ from) => still(from).then(taken, failed);
  const steady = useSteadiness(alone && count < BY_ITSELF, () => {
    setCount((before) => before + 1);
    if (video) take(video);
  });
  const checked = useRef(/** @type {(seen: Seen) => void} */ (() => {}));
  checked.current = (found) => {
    setSeen(found);
    steady(found.advice?.advice[0] === "ok");
  };
  useEffect(() => {
    if (!video) return;
    const leave = new AbortController();
    watch(video, leave.signal, (found) => checked.current(found));
    return () => leave.abort();
  }, [video]);
  const enough = alone && count >= BY_ITSELF;
  return html`<${Camera} facing=${facing} ready=${setVideo} overlay=${html`<${Outlines} advice=${seen.advice} />
      <p id="advice" role="status" class=${seen.advice?.advice[0] === "ok" ? "advice good" : "advice"}>${said(seen, enough)}</p>`}>
    <div class="actions">
      <button type="button" class="main" id="take" disabled=${!video} onClick=${() => video && take(video)}>${t("camera.take")}</button>
      <button type="button" onClick=${() => setFacing(facing === "user" ? "environment" : "user")}>${t("camera.other")}</button>
      <label class="check"><input type="checkbox" id="alone" checked=${alone} onChange=${(event) => (setCount(0), setAlone(event.target.checked))} />${t("camera.alone")}</label>
    </div>
  <//>`;
}

/** @param {Seen} seen @param {boolean} enough whether all photos that are taken by themselves are taken */
function said({ advice, problem }, enough) {
  if (problem) return problem;
  if (!advice) return t("camera.looking");
  if (enough && advice.advice[0] === "ok") return t("camera.enough", { count: BY_ITSELF });
  return inWords(advice.advice)[0];
}

/**
 * Calls `act` when all has been well for a second; then not again for a while, so that the next photo is another one.
 * @param {boolean} wanted @param {() => void} act @returns {(good: boolean) => void} to be told after every look
 */
function useSteadiness(wanted, act) {
  const since = useRef(/** @type {number | null} */ (null));
  const rests = useRef(0);
  return (good) => {
    const now = performance.now();
    if (!good || !wanted || now < rests.current) {
      since.current = null;
      return;
    }
    since.current ??= now;
    if (now - since.current < STEADY_MS) return;
    since.current = null;
    rests.current = now + BETWEEN_PHOTOS_MS;
    act();
  };
}

/**
 * Have frames checked, one after the other, about twice a second; none while the page is hidden.
 * @param {HTMLVideoElement} video @param {AbortSignal} signal @param {(seen: Seen) => void} checked
 */
async function watch(video, signal, checked) {
  while (!signal.aborted) {
    const began = performance.now();
    let pause = CHECK_EVERY_MS;
    if (!document.hidden && video.videoWidth) {
      try {
        const frame = await still(video, CHECKED_PIXELS);
        checked({ advice: await adviceOn(frame, { detail: "portrait", signal, patient: false }), problem: "" });
      } catch (error) {
        if (signal.aborted) return;
        checked({ advice: null, problem: problemInWords(error) });
        pause = Math.max(AFTER_PROBLEM_MS, (/** @type {any} */ (error)?.retryAfter ?? 0) * 1000);
      }
    }
    await wait(Math.max(0, pause - (performance.now() - began)), signal).catch(() => {});
  }
}

/** Frames on the faces: the one that is meant, and others that disturb. @param {{ advice: import("./advice.js").Advice | null }} props */
function Outlines({ advice }) {
  if (!advice) return null;
  const width = Math.max(advice.width, advice.height) / 130;
  return html`<svg viewBox=${`0 0 ${advice.width} ${advice.height}`} aria-hidden="true">
    ${advice.faces.map(({ box: [x1, y1, x2, y2] }, index) => html`<rect x=${x1} y=${y1} width=${x2 - x1} height=${y2 - y1} rx=${width * 2} stroke-width=${width}
      class=${index !== advice.prominent ? "other" : advice.advice[0] === "ok" ? "good" : ""} />`)}
  </svg>`;
}
