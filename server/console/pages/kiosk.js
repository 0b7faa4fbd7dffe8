// The camera keeps looking: whoever passes by is recorded, and can say that it was a mistake.
import { html, useEffect, useRef, useState } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { t } from "../core/words.js";
import { Action, failed } from "../components/basics.js";
import { Camera, still } from "../components/camera.js";

const FRAME_EVERY_MS = 1500;
const LONGEST = 1280;
const SHOWN = 30;

/**
 * @param {{ address: string, changed: () => void, say: (statement: unknown) => Promise<void> }} props the session's
 *   address; what is called when the roll has changed; and what records a person's statement.
 */
export function Kiosk({ address, changed, say }) {
  const [seen, setSeen] = useState(/** @type {any[]} */ ([]));
  const timer = useRef(0);
  const left = useRef(false);
  useEffect(() => () => {
    left.current = true;
    clearTimeout(timer.current);
  }, []);
  const look = async (video) => {
    if (left.current) return;
    try {
      if (!document.hidden) await send(await still(video, LONGEST));
    } catch (error) {
      failed(error);
    }
    if (!left.current) timer.current = window.setTimeout(() => look(video), FRAME_EVERY_MS);
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
  return html`<${Camera} ready=${look}><ul class="seen" aria-live="polite" tabindex="0" aria-label=${t("session.seen")}>${seen.map((each) => html`<li key=${each.entry}>
    <span class=${each.status}>${each.status === "waiting" ? "?" : "✓"} ${each.nombre_del_alumno}</span>
    <${Action} act=${() => mistaken(each)} aria-label=${t("session.not_me_of", { name: each.nombre_del_alumno })}>${t("session.not_me")}<//></li>`)}</ul><//>`;
}
