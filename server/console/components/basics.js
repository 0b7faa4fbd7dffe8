// Small parts that every page uses.
import { html, signal, useEffect, useLayoutEffect, useRef, useState } from "../libraries/ui.js";
import { reachable } from "../core/api.js";
import { reason, t } from "../core/words.js";

/** @typedef {{ id: number, text: string, kind: "done" | "wrong", undo?: () => void }} Notice */

/** @type {import("../libraries/ui.js").Signal<Notice[]>} */
const notices = signal([]);
let counted = 0;
const SHOWN_MS = 8000;

/** Tell what was done; with `undo`, offer to take it back. @param {string} text @param {() => void} [undo] */
export function told(text, undo) {
  const id = ++counted;
  notices.value = [...notices.value.slice(-2), { id, text, kind: "done", undo }];
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Tell what went wrong, until it is dismissed. @param {unknown} error */
export function failed(error) {
  const problem = /** @type {any} */ (error);
  if (problem?.name === "AbortError") return;
  const text = problem.code ? reason(problem) : String(problem);
  notices.value = [...notices.value.slice(-2), { id: ++counted, text, kind: "wrong" }];
  if (!problem.code) console.error(error);
}

/** @param {number} id */
const dismiss = (id) => {
  notices.value = notices.value.filter((each) => each.id !== id);
};

/** What was told, at the edge of the page; read aloud by screen readers. */
export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${!reachable.value && html`<p class="notice wrong" id="away">${t("away")}</p>`}
    ${notices.value.map(
      (each) => html`<p class=${`notice ${each.kind}`} key=${each.id}>
        <span>${each.text}</span>
        ${each.undo && html`<button type="button" onClick=${() => (dismiss(each.id), each.undo?.())}>${t("undo")}</button>`}
        <button type="button" class="plain" aria-label=${t("dismiss")} onClick=${() => dismiss(each.id)}>×</button>
      </p>`,
    )}
  </div>`;
}

/** A part of a page under a heading. @param {{ title: string, id: string, actions?: any, children?: any }} props */
export function Section({ title, id, actions, children }) {
  return html`<section aria-labelledby=${id}>
    <div class="head"><h2 id=${id}>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</div>
    ${children}
  </section>`;
}

/** What to do where there is nothing yet. @param {{ text: string, children?: any }} props */
export const Empty = ({ text, children }) => html`<div class="empty"><p>${text}</p>${children}</div>`;

/** A field with its label. @param {any} props */
export function Field({ label, name, hint, children, wrong, ...rest }) {
  const about = [hint && `${name}-hint`, wrong && `${name}-wrong`].filter(Boolean).join(" ") || undefined;
  return html`<p class="field">
    <label for=${name}>${label}</label>
    ${children ?? html`<input id=${name} name=${name} aria-describedby=${about} aria-invalid=${Boolean(wrong)} ...${rest} />`}
    ${hint && html`<small id=${`${name}-hint`}>${hint}</small>`}
    ${wrong && html`<small id=${`${name}-wrong`} class="wrong" role="alert">${wrong}</small>`}
  </p>`;
}

/**
 * A button that does something that takes a while: it cannot be pressed twice, and tells what went wrong.
 * @param {any} props
 */
export function Action({ act, children, disabled, ...rest }) {
  const [busy, setBusy] = useState(false);
  const press = async () => {
    setBusy(true);
    try {
      await act();
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return html`<button type="button" aria-busy=${busy} disabled=${busy || Boolean(disabled)} onClick=${press} ...${rest}>${children}</button>`;
}

/**
 * A dialog above the page. The browser keeps the focus in it, and Escape closes it.
 * @param {{ title: string, close: () => void, children?: any, wide?: boolean }} props
 */
export function Dialog({ title, close, children, wide }) {
  /** @type {any} */
  const element = useRef(null);
  useLayoutEffect(() => {
    const shown = element.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    shown.showModal();
    return () => {
      shown.close();
      before?.focus();
    };
  }, []);
  return html`<dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${(event) => (event.preventDefault(), close())}>
    <div class="head"><h2 id="dialog-title">${title}</h2>
      <button type="button" class="plain" aria-label=${t("close")} onClick=${close}>×</button></div>
    ${children}
  </dialog>`;
}

/**
 * What a request answered, kept up with: `{ found, problem, again }`. It is asked again when an input changes.
 * @param {(signal: AbortSignal) => Promise<any>} load @param {unknown[]} inputs
 */
export function useLoaded(load, inputs) {
  const [state, setState] = useState(/** @type {{ found: any, problem: any }} */ ({ found: null, problem: null }));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const leave = new AbortController();
    load(leave.signal).then(
      (found) => !leave.signal.aborted && setState({ found, problem: null }),
      (problem) => !leave.signal.aborted && setState((before) => ({ ...before, problem })),
    );
    return () => leave.abort();
  }, [...inputs, turn]);
  return { ...state, again: () => setTurn((before) => before + 1) };
}

/** What a page shows until its data is there, or instead of it. @param {{ problem: any, again?: () => void }} props */
export function Waiting({ problem, again }) {
  if (!problem) return html`<p class="quiet" role="status">${t("loading")}</p>`;
  return html`<div class="empty wrong" role="alert"><p>${reason(problem)}</p>
    ${again && html`<button type="button" onClick=${again}>${t("try_again")}</button>`}</div>`;
}
