// Requests to this server's API, the only place that sends any.
import { effect, signal } from "../libraries/ui.js";

/**
 * @typedef {{ name: string, role: string, classes: string[] | null, matricula: string | null, adds_photos: boolean, csrf_token: string | null, expires: string | null }} Me
 * @typedef {{ accounts: boolean, setup: boolean }} LoginOptions
 * @typedef {{ json?: unknown, body?: BodyInit, type?: string, query?: Record<string, unknown>, once?: string,
 *   signal?: AbortSignal, patient?: boolean, harmless?: boolean }} Sent
 */

/** Who asks; null before anyone has logged in. @type {import("../libraries/ui.js").Signal<Me | null>} */
export const me = signal(null);
/** How this server lets people in. @type {import("../libraries/ui.js").Signal<LoginOptions>} */
export const options = signal({ accounts: false, setup: false });
/** Whether the server answered last time. */
export const reachable = signal(true);

const KEY = "presente.key";
const PATIENCE_MS = 60_000;
const WAIT_MS = 1000;
const KNOCK_MS = 3000;
const LATER = new Set(["busy", "not_ready", "store_unavailable", "request_in_progress"]);

/** What the server said against a request, or that it said nothing (`no_answer`). */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {{ status?: number, requestId?: string, retryAfter?: number | null, more?: any }} [about]
   */
  constructor(code, detail, { status = 0, requestId = "", retryAfter = null, more = {} } = {}) {
    super(detail);
    Object.assign(this, { code, detail, status, requestId, retryAfter, more });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.more = more;
  }
}

/** The key that was given in this tab, or null. */
export const key = () => sessionStorage.getItem(KEY);
/** @param {string | null} text */
export function keepKey(text) {
  if (text === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, text);
}

/** A word that no other client chooses, for requests that must be done once. */
export const word = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");

/**
 * Ask the server. GET, what changes nothing (`harmless`), and what has a word of its own (`once`), is sent again while
 * the server is away or busy.
 * @param {string} method
 * @param {string} path
 * @param {Sent} [sent]
 * @returns {Promise<Response>}
 * @throws {Problem}
 */
export async function ask(method, path, sent = {}) {
  const until = Date.now() + PATIENCE_MS;
  const again = (sent.patient ?? true) && (method === "GET" || sent.harmless || sent.once !== undefined);
  for (;;) {
    try {
      const reply = await fetch(address(path, sent.query), { method, headers: headers(sent), body: body(sent), signal: sent.signal });
      reachable.value = true;
      if (reply.ok) return reply;
      const problem = await problemOf(reply);
      if (reply.status === 401) me.value = null;
      if (!(again && LATER.has(problem.code) && Date.now() < until)) throw problem;
      await wait((problem.retryAfter ?? 1) * 1000, sent.signal);
    } catch (error) {
      if (error instanceof Problem || sent.signal?.aborted) throw error;
      reachable.value = false;
      if (!again || Date.now() >= until) throw new Problem("no_answer", String(error));
      await wait(WAIT_MS, sent.signal);
    }
  }
}

let knocking = false;
/** While the server is away it is asked whether it is back: a page that asks for nothing else learns it, too. */
effect(() => {
  if (!reachable.value && !knocking) knock();
});

async function knock() {
  knocking = true;
  while (!reachable.peek()) {
    await wait(KNOCK_MS);
    await fetch("/livez", { cache: "no-store" }).then(
      () => {
        reachable.value = true;
      },
      () => {},
    );
  }
  knocking = false;
}

/** @param {string} method @param {string} path @param {Sent} [sent] @returns {Promise<any>} what the server answered; null for nothing */
export async function call(method, path, sent) {
  const reply = await ask(method, path, sent);
  return reply.status === 204 ? null : reply.json();
}

/**
 * Send a large file, and tell how much of it has been sent: `fetch` does not.
 * @param {string} path @param {Blob} file @param {Sent} sent @param {(share: number) => void} told is told the share, 0 to 1
 * @returns {Promise<any>} what the server answered
 * @throws {Problem}
 */
export function upload(path, file, sent, told) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(path, sent.query));
    for (const [name, value] of Object.entries(headers({ type: file.type, ...sent }))) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
    request.onload = async () => {
      reachable.value = true;
      const after = request.getResponseHeader("Retry-After");
      const reply = new Response(request.responseText, { status: request.status, headers: after === null ? {} : { "Retry-After": after } });
      if (reply.ok) return resolve(await reply.json());
      if (reply.status === 401) me.value = null;
      reject(await problemOf(reply));
    };
    request.onerror = () => {
      reachable.value = false;
      reject(new Problem("no_answer", ""));
    };
    request.onabort = () => reject(sent.signal?.reason);
    sent.signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/**
 * All lines of a list, page after page.
 * @param {string} path @param {string} member @param {Record<string, unknown>} [query]
 */
export async function everything(path, member, query = {}) {
  const lines = [];
  let cursor = null;
  do {
    const page = await call("GET", path, { query: { ...query, cursor } });
    lines.push(...page[member]);
    cursor = page.next_cursor;
  } while (cursor);
  return lines;
}

/** Save an answer as a file. @param {string} path @param {Record<string, unknown>} query @param {string} name */
export async function download(path, query, name) {
  saveAs(await (await ask("GET", path, { query })).blob(), name);
}

/** Save what a page has made as a file. @param {Blob} blob @param {string} name */
export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Find out how the server lets people in, and who asks. */
export async function begin() {
  options.value = await call("GET", "/v1/login");
  try {
    me.value = await call("GET", "/v1/session");
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    me.value = null;
  }
}

/** @param {string} path @param {Record<string, unknown>} [query] */
function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return words ? `${path}?${words}` : path;
}

/** @param {Sent} sent @returns {Record<string, string>} */
function headers(sent) {
  /** @type {Record<string, string>} */
  const made = {};
  const secret = key();
  if (secret) made.Authorization = `Bearer ${secret}`;
  if (me.value?.csrf_token) made["X-CSRF-Token"] = me.value.csrf_token;
  if (sent.once) made["Idempotency-Key"] = sent.once;
  if (sent.json !== undefined) made["Content-Type"] = "application/json";
  else if (sent.type) made["Content-Type"] = sent.type;
  return made;
}

/** @param {Sent} sent */
const body = (sent) => (sent.json === undefined ? sent.body : JSON.stringify(sent.json));

/** @param {Response} reply */
async function problemOf(reply) {
  const after = reply.headers.get("Retry-After");
  const about = { status: reply.status, retryAfter: after === null ? null : Number(after) };
  try {
    const told = await reply.json();
    return new Problem(told.code, told.detail, { ...about, requestId: told.request_id, more: told });
  } catch {
    return new Problem("no_answer", `${reply.status} ${reply.statusText}`, about);
  }
}

/** @param {number} ms @param {AbortSignal} [signal] ends the waiting, with an error */
export const wait = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
