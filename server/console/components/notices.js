// What the console tells: what was done, with a way back, and what went wrong. In an open dialog it is told there.
import { computed, effect, html, signal } from "../libraries/ui.js";
import { me, reachable } from "../core/api.js";
import { place } from "../core/router.js";
import { reason, t } from "../core/words.js";

/**
 * @typedef {{ id: number, text: string, kind: "done" | "wrong", code: string, where: number, undo?: () => void }} Notice
 *   `where`: the dialog in which it is told, or PAGE.
 */

const PAGE = 0;
const MOST = 3;
const SHOWN_MS = 8000;

/** @type {import("../libraries/ui.js").Signal<Notice[]>} */
const notices = signal([]);
/** The open dialogs, the one on top last. @type {import("../libraries/ui.js").Signal<number[]>} */
const dialogs = signal([]);
let counted = 0;

/** Tell what was done; with `undo`, offer to take it back. @param {string} text @param {() => void} [undo] */
export function told(text, undo) {
  const id = add({ text, kind: "done", code: "", undo });
  setTimeout(() => drop((each) => each.id === id), SHOWN_MS);
}

/** Tell what went wrong, until it is dismissed, tried again, or the page is left. @param {unknown} error */
export function failed(error) {
  const problem = /** @type {any} */ (error);
  if (problem?.name === "AbortError") return;
  const text = problem.code ? reason(problem) : String(problem);
  drop((each) => each.kind === "wrong" && each.text === text); // told once, however often it happens
  add({ text, kind: "wrong", code: problem.code ?? "" });
  if (!problem.code) console.error(error);
}

/** Take back what went wrong in this place: it is being tried again. */
export function trying() {
  const where = top();
  drop((each) => each.kind === "wrong" && each.where === where);
}

/** A dialog opens: what is told from now on stands in it. @returns {number} its number */
export function dialogOpened() {
  const id = ++counted;
  dialogs.value = [...dialogs.peek(), id];
  return id;
}

/** A dialog is gone, and what went wrong in it; what was done there is told on. @param {number} id */
export function dialogClosed(id) {
  dialogs.value = dialogs.peek().filter((each) => each !== id);
  drop((each) => each.kind === "wrong" && each.where === id);
  const where = top();
  notices.value = notices.peek().map((each) => (each.where === id ? { ...each, where } : each));
}

/** Where something is told now; one who has to log in again is told on the page. */
const top = () => (me.peek() === null ? PAGE : dialogs.peek().at(-1) ?? PAGE);

/** @param {Omit<Notice, "id" | "where">} notice @returns {number} its number */
function add(notice) {
  const id = ++counted;
  notices.value = [...notices.peek().slice(1 - MOST), { ...notice, id, where: top() }];
  return id;
}

/** @param {(notice: Notice) => boolean} which */
function drop(which) {
  const left = notices.peek().filter((each) => !which(each));
  if (left.length < notices.peek().length) notices.value = left;
}

const who = computed(() => me.value?.name);
const page = computed(() => place.value.path.join("/"));
effect(() => {
  void who.value; // one who comes sees nothing of the one who left
  drop(() => true);
});
effect(() => {
  void page.value; // what is told of a page is not for the next one, except what was done there
  drop((each) => each.kind === "wrong" || each.undo !== undefined);
});
effect(() => {
  if (reachable.value) setTimeout(() => reachable.peek() && drop((each) => each.code === "no_answer"), SHOWN_MS);
});

/** What was told, at the edge of the page, or of the dialog of that number; read aloud by screen readers. @param {{ dialog?: number }} props */
export function Notices({ dialog = PAGE }) {
  const onTop = (dialogs.value.at(-1) ?? PAGE) === dialog;
  const here = notices.value.filter((each) => each.where === dialog);
  const press = (/** @type {Notice} */ each) => () => {
    drop((one) => one.id === each.id);
    each.undo?.();
  };
  return html`<div class="notices" role="status" aria-live="polite">
    ${onTop && !reachable.value && html`<p class="notice wrong" id="away">${t("away")}</p>`}
    ${here.map((each) => html`<p class=${`notice ${each.kind}`} key=${each.id}>
      <span>${each.text}</span>
      ${each.undo && html`<button type="button" onClick=${press(each)}>${t("undo")}</button>`}
      <button type="button" class="plain" aria-label=${t("dismiss")} onClick=${() => drop((one) => one.id === each.id)}>×</button>
    </p>`)}
  </div>`;
}
