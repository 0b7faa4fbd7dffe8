// The camera keeps looking: whoever passes by is recorded, and can say that it was a mistake.
import { html, useEffect, useRef, useState } from "../../libraries/ui.js";
import { call } from "../../core/api.js";
import { t } from "../../core/words.js";
import { problemInWords } from "../../components/advice.js";
import { Action } from "../../components/basics.js";
import { Camera, still } from "../../components/camera.js";

const FRAME_EVERY_MS = 1500;
const LONGEST = 1280;
const SHOWN = 30;
/** Answers after which no later frame is taken either: the session is closed or gone, or is not the reader's any more. */
const FINAL = new Set([401, 403, 404, 409]);

/**
 * @param {{ address: string, changed: () => void, say: (statement: unknown) => Promise<void>, ended: (error: unknown) => void }} props
 *   the session's address; what is called when the roll has changed; what records a person's statement; and what is
 *   called when the camera is of no use any more.
 */
export function Kiosk({ address, changed, say, ended }) {
  const [seen, setSeen] = useState(/** @type {any[]} */ ([]));
  const [problem, setProblem] = useState("");
  const timer = useRef(0);
  const left = useRef(false);
  useEffect(() => () => {
    left.current = true;
    clearTimeout(timer.current);
  }, []);
  const look = async (video) => {
    if (left.current) return;
    let pause = FRAME_EVERY_MS;
    try {
      if (!document.hidden) await send(await still(video, LONGEST));
      setProblem("");
    } catch (error) {
      if (left.current) return;
      const { status, retryAfter } = /** @type {any} */ (error);
      if (FINAL.has(status)) return ended(error);
      setProblem(problemInWords(error));
      pause = Math.max(pause, (retryAfter ?? 0) * 1000);
    }
    if (!left.current) timer.current = window.setTimeout(() => look(video), pause);
  };
  const send = async (frame) => {
    const answer = await call("POST", `${address}/photos`, { query: { frame: true }, body: frame, type: "image/jpeg" });
    const shown = answer.roll.filter((each) => each.status !== "absent" && each.photo !== null);
    if (left.current || !answer.roll.length) return;
    const again = new Set(shown.map((each) => each.matricula));
    setSeen((before) => [...shown, ...before.filter((each) => !again.has(each.matricula))].slice(0, SHOWN));
    changed();
  };
  const mistaken = async (line) => {
    await say({ photo: line.photo, face: line.face });
    setSeen((before) => before.filter((each) => each !== line));
  };
  return html`<p id="kiosk-problem" class="wrong" role="alert">${problem}</p>
    <${Camera} ready=${look}><ul class="seen" aria-live="polite" tabindex="0" aria-label=${t("session.seen")}>${seen.map((each) => html`<li key=${each.entry}>
      <span class=${each.status}>${each.status === "waiting" ? "?" : "✓"} ${each.nombre_del_alumno}${each.reason && html` <small>${t(`waits.${each.reason}`)}</small>`}</span>
      <${Action} act=${() => mistaken(each)} aria-label=${t("session.not_me_of", { name: each.nombre_del_alumno })}>${t("session.not_me")}<//></li>`)}</ul><//>`;
}
