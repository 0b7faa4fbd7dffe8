// A session: photos or a camera, the roll that fills in, doubtful faces settled with a tap, corrections, the end.
import { html, useState } from "../libraries/ui.js";
import { Problem, call, me, word } from "../core/api.js";
import { mayRecord } from "../core/roles.js";
import { to } from "../core/router.js";
import { dayOf, status } from "../core/server_status.js";
import { number, t } from "../core/words.js";
import { Section, Waiting, failed, told, useLoaded } from "../components/basics.js";
import { useKeptUp } from "../components/kept_up.js";
import { useEvents } from "../components/live.js";
import { PhotoPicker } from "../components/photo_picker.js";
import { Ending } from "./session/ending.js";
import { Filmed } from "./session/filmed.js";
import { Films } from "./session/films.js";
import { Kiosk } from "./session/kiosk.js";
import { Roll } from "./session/roll.js";
import { outcome, sendPhotos } from "./session/sending.js";
import { Taken } from "./session/taken.js";

const SHOWN = ["present", "late", "waiting", "excused", "absent"];

/** @param {{ path: string[] }} props */
export function Session({ path }) {
  const address = `/v1/sessions/${path[0]}`;
  const records = mayRecord(me.value?.role);
  const { found, problem, again } = useLoaded(async (signal) => {
    const about = await call("GET", address, { signal });
    const photos = records ? (await call("GET", `${address}/photos`, { signal })).photos : [];
    return { ...about, photos };
  }, [address]);
  const [camera, setCamera] = useState(/** @type {"" | "kiosk" | "film"} */ (""));
  const [reviewed, setReviewed] = useState(/** @type {{ photo: number, face: number } | null} */ (null)); // the face that is asked about
  useKeptUp(again);
  const [filmed, setFilmed] = useState(/** @type {any} */ (null)); // the newest news of a film
  useEvents(`${address}/events`, found?.session.state === "open", (name, data) => {
    if (name === "film") return setFilmed(data);
    if (name === "session" && data.state === "closed" && camera === "kiosk") return ended(new Problem("session_closed", ""));
    again();
  });
  const ended = (error) => {
    setCamera("");
    failed(error);
    again();
  };
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  const { session, counts, roll } = found;
  const open = session.state === "open" && records;
  const photos = found.photos.filter((each) => each.kept && !each.undone);
  const { send, undo, say, takePart, acted } = deeds(address, session, again);
  const review = (line) => photos.some((each) => each.number === line.photo && each.faces.length >= line.face) && (() => setReviewed({ photo: line.photo, face: line.face }));
  return html`<${Back} session=${session} />
    <h1>${session.clase}<small class="day">${dayOf(session.fecha)}, ${session.starts}${session.ends ? `–${session.ends}` : ""}</small></h1>
    <dl class="counts" id="counts">${SHOWN.map((each) => html`<div><dt>${t(`status.${each}`)}</dt><dd class=${each}>${number(counts[each])}</dd></div>`)}</dl>
    ${open && html`<${Section} title=${t("session.take")} id="take-title">
      <div class="choose"><${PhotoPicker} several chosen=${send} label=${t("session.choose")} />
        <button type="button" id="kiosk" disabled=${camera === "film"} onClick=${() => setCamera(camera ? "" : "kiosk")}>${t(camera === "kiosk" ? "camera.off" : "session.kiosk")}</button></div>
      ${camera === "kiosk" && html`<${Kiosk} address=${address} changed=${again} say=${say} ended=${ended} />`}
    <//>`}
    ${records && html`<${Films} address=${address} begins=${session.starts} open=${open} changed=${again} news=${filmed} recording=${camera === "film"} record=${(on) => setCamera(on ? "film" : "")} busy=${camera === "kiosk"} />`}
    ${photos.map((each) => html`<${each.film ? Filmed : Taken} key=${each.number} photo=${each} roll=${roll} address=${address} open=${open} say=${say} undo=${undo} acted=${acted} asked=${reviewed && reviewed.photo === each.number ? reviewed.face : null} shown=${() => setReviewed(null)} />`)}
    <${Roll} roll=${roll} open=${open} say=${say} undo=${undo} takePart=${takePart} review=${review} />
    <${Ending} session=${session} waiting=${counts.waiting} kept=${photos.length} address=${address} records=${records} acted=${acted} />`;
}

/** What a teacher does in a session. @param {string} address @param {any} session @param {() => void} again */
function deeds(address, session, again) {
  /** Whatever comes of it, the page shows what is so afterwards: others may have changed it meanwhile. @template T @param {() => Promise<T>} act */
  const acted = async (act) => {
    try {
      return await act();
    } finally {
      again();
    }
  };
  const undo = (what) => acted(() => call("POST", `${address}/undo`, { json: what, once: word() }));
  const undoPhotos = async (numbers) => {
    for (const photo of numbers) await undo({ photo });
  };
  const send = (files) => acted(async () => {
    const { sent, refused, problem } = await sendPhotos(address, files);
    const added = [...new Set(sent.filter((each) => !each.repeated).map((each) => each.number))];
    if (sent.length) told(outcome(sent), added.length ? () => undoPhotos(added).catch(failed) : undefined);
    if (problem) failed(problem);
    return refused;
  });
  const say = (json) => acted(async () => {
    const answer = await call("POST", `${address}/entries`, { json, once: word() });
    const entry = answer.roll[0]?.entry;
    told(t("saved"), entry ? () => undo({ entry }).catch(failed) : undefined);
  });
  const takePart = (line) => acted(async () => {
    const made = await call("POST", "/v1/participations", { json: { matricula: line.matricula, clase: session.clase, fecha: session.fecha }, once: word() });
    told(t("session.took_part", { name: line.nombre_del_alumno }), () => call("DELETE", `/v1/participations/${made.id}`).catch(failed));
  });
  return { acted, send, undo, say, takePart };
}

/** To today's classes, or to the sessions of other days. @param {{ session: any }} props */
function Back({ session }) {
  const today = session.fecha === status.value?.today;
  return html`<p><a href=${today ? to(["today"]) : to(["sessions"], { clase: session.clase })}>← ${t(today ? "page.today" : "page.sessions")}</a></p>`;
}
