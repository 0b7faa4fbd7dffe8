// Recordings of the class: chosen as a file or made with this device's camera, on their way to the server, and read there.
import { html, useEffect, useRef, useState } from "../../libraries/ui.js";
import { call, saveAs, upload, word } from "../../core/api.js";
import { leave as leaves } from "../../core/router.js";
import { schoolTime } from "../../core/server_status.js";
import { clock, hour, megabytes, number, t } from "../../core/words.js";
import { Field, Section, failed, told, useStaying } from "../../components/basics.js";
import { Camera } from "../../components/camera.js";
import { JobState, isWorking, jobProblem } from "../../components/jobs.js";

const LOOK_MS = 1000;
const SELDOM_MS = 20_000;
const AS_LONG_S = 2; // the last frame, and sound, last beyond the last frame's beginning
const BITS_PER_S = 1_500_000; // 50 minutes are about 560 MB
const KINDS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];

/** @typedef {{ file: Blob, name: string, starts: string }} Film `starts`: HH:MM or HH:MM:SS at the school */

/**
 * @param {{ address: string, begins: string, changed: () => void, open: boolean, news: any, recording: boolean, record: (on: boolean) => void, busy: boolean }} props
 *   the session's address; when it begins; what is called when a film was read; whether films are taken; what the server last told of one, a job; whether the
 *   camera records, and what turns that on; and whether the camera does something else.
 */
export function Films({ address, begins, changed, open, news, recording, record, busy }) {
  const { jobs, look } = useFilms(address, news, changed);
  const [sent, setSent] = useState(/** @type {number | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {Film | null} */ (null));
  const [unsent, setUnsent] = useState(/** @type {Film | null} */ (null));
  const leave = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => leave.current?.abort(), []);
  useStaying(recording || sent !== null || unsent !== null);
  const send = async (/** @type {Film} */ film) => {
    leave.current = new AbortController();
    setChosen(null);
    setUnsent(film);
    setSent(0);
    try {
      const job = await upload(`${address}/video`, film.file, { query: { starts: film.starts === begins ? "" : film.starts }, once: word(), signal: leave.current.signal }, setSent);
      setUnsent(null);
      if (!isWorking(job)) told(t("film.known"));
      look();
    } catch (error) {
      if (!leave.current.signal.aborted) failed(error);
    } finally {
      setSent(null);
    }
  };
  const pick = (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // so that the same film can be chosen again
    if (file) setChosen({ file, name: file.name, starts: begins });
  };
  if (!open && !recording && !unsent) return null; // a film that was being made is not lost when another one closes the session
  const working = jobs.filter(isWorking);
  const failures = jobs.filter((job, place) => job.problem && job.state !== "cancelled" && (working.length > 0 || place > 0));
  return html`<${Section} title=${t("film.take")} id="film-title">
    <div class="choose"><div class="picker"><label class="drop"><input type="file" id="film" accept="video/*" disabled=${!open || sent !== null || unsent !== null} onChange=${pick} /><span>${t("film.choose")}</span><small>${t("film.about")}</small></label></div>
      <button type="button" id="record" disabled=${!open || busy || sent !== null || unsent !== null || recording} onClick=${() => record(true)}>${t("film.record")}</button></div>
    ${recording && html`<${Recorder} done=${(film) => (record(false), send(film))} cancel=${() => leaves(() => record(false))} />`}
    ${sent !== null && html`<div class="working" role="status"><p>${t("film.sending", { share: number(sent, { style: "percent" }) })}</p>
      <progress aria-label=${t("film.sent")} max="1" value=${sent}></progress>
      <button type="button" id="stop-sending" onClick=${() => leave.current?.abort()}>${t("cancel")}</button></div>`}
    ${chosen && open && html`<${Sending} key=${chosen.name} film=${chosen} send=${send} button=${t("film.send")}><button type="button" onClick=${() => setChosen(null)}>${t("cancel")}</button><//>`}
    ${unsent && sent === null && html`<div class="empty"><p>${t("film.unsent")}</p><${Sending} film=${unsent} send=${send} button=${t("film.again")}/><div class="actions centred">
      <button type="button" onClick=${() => saveAs(unsent.file, unsent.name)}>${t("film.save")}</button><button type="button" onClick=${() => leaves(() => setUnsent(null))}>${t("film.drop")}</button></div></div>`}
    ${working.map((job) => html`<${JobState} key=${job.id} about=${which(job)} watched=${{ job, working: true, cancel: async () => (await call("POST", `/v1/jobs/${job.id}/cancel`), look()) }} />`)}
    ${!working.length && jobs[0] && html`<${Outcome} job=${jobs[0]} />`}
    ${failures.length > 0 && html`<ul id="failed-films" class="plain wrong">${failures.map((job) => html`<li key=${job.id}>${which(job)}: ${jobProblem(job.problem)}</li>`)}</ul>`}
  <//>`;
}

/**
 * The session's films, the newest first, kept up with by what the server tells; now and then, where it tells nothing.
 * @param {string} address @param {any} news @param {() => void} changed
 */
function useFilms(address, news, changed) {
  const [jobs, setJobs] = useState(/** @type {any[]} */ ([]));
  const [turn, setTurn] = useState(0);
  const working = jobs.some(isWorking);
  const look = () => setTurn((now) => now + 1);
  useEffect(() => {
    const leave = new AbortController();
    call("GET", `${address}/video`, { signal: leave.signal }).then(
      (found) => setJobs(found.jobs),
      (error) => !leave.signal.aborted && failed(error),
    );
    return () => leave.abort();
  }, [address, turn]);
  useEffect(() => {
    if (news) setJobs((known) => [news, ...known.filter((each) => each.id !== news.id)].sort((a, b) => b.id - a.id));
  }, [news]);
  useEffect(() => {
    if (!working) return undefined;
    const timer = setInterval(look, SELDOM_MS);
    return () => (clearInterval(timer), changed()); // it was read
  }, [working]);
  return { jobs, look };
}

/** A film that is to be sent, and when it starts. @param {{ film: Film, send: (film: Film) => void, button: string, children?: any }} props */
function Sending({ film, send, button, children }) {
  const submit = (event) => (event.preventDefault(), send({ ...film, starts: event.target.elements["film-starts"].value }));
  return html`<form id="film-form" onSubmit=${submit}><p><strong>${film.name}</strong> · ${megabytes(film.file.size)}</p>
    <${Field} label=${t("film.starts")} name="film-starts" type="time" step="1" required defaultValue=${film.starts} hint=${t("film.starts_about")} />
    <div class="actions"><button class="main" id="send-film">${button}</button>${children}</div></form>`;
}

/** Which of several films a job is about: when it starts, its size, and when it was sent. @param {any} job */
const which = ({ starts, bytes, asked_at }) => [starts && t("film.from", { time: starts }), bytes && megabytes(bytes), t("film.sent_at", { time: hour(asked_at) })].filter(Boolean).join(" · ");

/** What came of the newest film. @param {{ job: any }} props */
function Outcome({ job }) {
  const film = job.result?.film;
  if (!film) return job.problem && html`<p id="film-outcome" class="wrong" role="alert">${which(job)}. ${t(`job.state.${job.state}`)}: ${jobProblem(job.problem)}</p>`;
  const counts = ["present", "late", "waiting", "off_roster", "unknown", "raises"].filter((each) => film[each] || each === "present");
  const short = film.claimed_s !== null && film.claimed_s > film.duration_s + AS_LONG_S;
  return html`<div id="film-outcome" role="status"><p>${t("film.read", { time: clock(Math.round(film.duration_s)) })}${short && ` ${t("film.short", { claimed: clock(Math.round(film.claimed_s)), time: clock(Math.round(film.duration_s)) })}`}${film.damaged && ` ${t("film.damaged")}`}</p>
    <dl class="counts">${counts.map((each) => html`<div><dt>${t(`film.count.${each}`)}</dt><dd class=${each}>${number(film[each])}</dd></div>`)}</dl></div>`;
}

/** Records what the camera sees, without sound. @param {{ done: (film: Film) => void, cancel: () => void }} props */
function Recorder({ done, cancel }) {
  const recorder = useRef(/** @type {MediaRecorder | null} */ (null));
  const [began, setBegan] = useState(/** @type {Date | null} */ (null));
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), LOOK_MS);
    return () => {
      clearInterval(timer);
      const left = recorder.current;
      if (left) left.onstop = null; // the page was left, or it was cancelled
      if (left && left.state !== "inactive") left.stop();
    };
  }, []);
  const begin = (video) => {
    const kind = KINDS.find((each) => MediaRecorder.isTypeSupported(each));
    const made = new MediaRecorder(video.srcObject, { mimeType: kind, videoBitsPerSecond: BITS_PER_S });
    const parts = /** @type {Blob[]} */ ([]);
    const start = new Date();
    made.ondataavailable = (event) => parts.push(event.data);
    made.onstop = () => {
      const type = made.mimeType.split(";")[0];
      done({ file: new Blob(parts, { type }), name: `clase.${type === "video/mp4" ? "mp4" : "webm"}`, starts: schoolTime(start) });
    };
    recorder.current = made;
    made.start(10_000); // parts, which the browser may lay on the disk
    setBegan(start);
  };
  return html`<${Camera} ready=${begin}><div class="actions">
    <button type="button" class="main" id="stop-recording" disabled=${!began} onClick=${() => recorder.current?.stop()}>${t("film.stop", { time: clock(began ? (now - began.getTime()) / 1000 : 0) })}</button>
    <button type="button" onClick=${cancel}>${t("cancel")}</button></div><//>`;
}
