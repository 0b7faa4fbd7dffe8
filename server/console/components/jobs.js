// Long work of the server: asked for, watched, left and come back to.
import { html, useEffect, useState } from "../libraries/ui.js";
import { call, word } from "../core/api.js";
import { clock, has, number, t } from "../core/words.js";
import { Action, failed } from "./basics.js";

const LOOK_MS = 1000;
const WORKING = ["queued", "running"];

/** @param {any} job */
export const isWorking = (job) => WORKING.includes(job.state);

/**
 * The newest job of a kind: `{ job, start, cancel }`. It is looked at until it has ended; then `ended` is called.
 * @param {string} kind @param {(job: any) => void} ended
 */
export function useJob(kind, ended) {
  const [job, setJob] = useState(/** @type {any} */ (null));
  const working = job !== null && WORKING.includes(job.state);
  useEffect(() => {
    const leave = new AbortController();
    call("GET", "/v1/jobs", { query: { limit: 100 }, signal: leave.signal }).then(
      (page) => setJob((now) => now ?? page.jobs.find((each) => each.kind === kind) ?? null),
      (problem) => !leave.signal.aborted && failed(problem),
    );
    return () => leave.abort();
  }, []);
  useEffect(() => {
    if (!working) return undefined;
    const leave = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const now = await call("GET", `/v1/jobs/${job.id}`, { signal: leave.signal });
        setJob(now);
        if (!WORKING.includes(now.state)) ended(now);
      } catch (error) {
        if (!leave.signal.aborted) setJob({ ...job }); // looked at again: the server may be back by then
      }
    }, LOOK_MS);
    return () => (clearTimeout(timer), leave.abort());
  }, [job]);
  const start = async (fields = {}) => setJob(await call("POST", "/v1/jobs", { json: { kind, ...fields }, once: word() }));
  const cancel = async () => setJob(await call("POST", `/v1/jobs/${job.id}/cancel`));
  return { job, working, start, cancel };
}

/** Why a job has no result, in the reader's language. @param {{ code: string, text: string }} problem */
export function jobProblem(problem) {
  const known = [`problem.${problem.code}`, `error.${problem.code}`].find(has);
  return known ? t(known, { seconds: 1 }) : problem.text;
}

/** How far a job is, with a button that ends it; and what went wrong with the last one. @param {{ watched: any, about?: string }} props `watched`: as useJob has it; `about`: which of several it is */
export function JobState({ watched, about = "" }) {
  const { job, working, cancel } = watched;
  if (!job) return null;
  if (!working) return job.problem && html`<p class="wrong" role="alert">${t(`job.state.${job.state}`)}: ${jobProblem(job.problem)}</p>`;
  return html`<div class="working" role="status">
    ${about && html`<p><strong>${about}</strong></p>`}
    <p>${progressWords(job)}</p>
    <progress aria-label=${t(`job.kind.${job.kind}`)} max=${job.progress.of ?? undefined} value=${job.progress.of ? job.progress.done : undefined}></progress>
    ${job.seconds_left !== null && job.seconds_left >= 1 && html`<p class="left">${t("job.left", { time: clock(job.seconds_left) })}</p>`}
    <p class="quiet">${t("job.leave")}</p>
    <${Action} id=${about ? `cancel-job-${job.id}` : "cancel-job"} aria-label=${about ? `${t("job.cancel")}: ${about}` : undefined} act=${cancel} disabled=${job.is_cancelled}>${t("job.cancel")}<//>
  </div>`;
}

/** @param {any} job */
export function progressWords(job) {
  const { done, of, unit } = job.progress;
  if (job.state !== "running" || !unit) return t(`job.state.${job.state}`);
  const amount = unit === "seconds" ? clock : number;
  const how = of === null ? amount(done) : t("job.done_of", { done: amount(done), of: amount(of) });
  return `${t(`job.kind.${job.kind}`)}: ${how} ${t(`job.unit.${unit}`)}`;
}
