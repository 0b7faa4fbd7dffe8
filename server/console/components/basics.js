// Small parts that every page uses.
import { createContext, html, useContext, useEffect, useLayoutEffect, useRef, useState } from "../libraries/ui.js";
import { hold, leaving } from "../core/router.js";
import { reason, t } from "../core/words.js";
import { Notices, dialogClosed, dialogOpened, failed, trying } from "./notices.js";

export { Notices, failed, told } from "./notices.js";

/** A part of a page under a heading. @param {{ title: string, id: string, actions?: any, children?: any }} props */
export function Section({ title, id, actions, children }) {
  return html`<section aria-labelledby=${id}>
    <div class="head"><h2 id=${id}>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</div>
    ${children}
  </section>`;
}

/** What to do where there is nothing yet. @param {{ text: string, children?: any }} props */
export const Empty = ({ text, children }) => html`<div class="empty"><p>${text}</p>${children}</div>`;

/** What the form around was refused for: the field, if it is known, and why. */
export const Refused = createContext(/** @type {{ field: string, text: string } | null} */ (null));

/** A field with its label. @param {any} props */
export function Field({ label, name, hint, children, wrong, ...rest }) {
  const refused = /** @type {{ field: string, text: string } | null} */ (useContext(Refused));
  const why = wrong || (refused?.field === name ? refused?.text : "");
  const about = [hint && `${name}-hint`, why && `${name}-wrong`].filter(Boolean).join(" ") || undefined;
  return html`<p class="field">
    <label for=${name}>${label}</label>
    ${children ?? html`<input id=${name} name=${name} aria-describedby=${about} aria-invalid=${Boolean(why)} ...${rest} />`}
    ${hint && html`<small id=${`${name}-hint`}>${hint}</small>`}
    ${why && html`<small id=${`${name}-wrong`} class="wrong" role="alert">${why}</small>`}
  </p>`;
}

/**
 * Work that takes a while: whether it is being done, and what begins it. It is not begun twice, and what went wrong
 * the last time is told no longer.
 * @returns {[boolean, (act: () => unknown, wrong?: (error: unknown) => void) => Promise<void>]}
 */
export function useWork() {
  const [busy, setBusy] = useState(false);
  const running = useRef(false);
  const begin = async (act, wrong = failed) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    trying();
    try {
      await act();
    } catch (error) {
      wrong(error);
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return [busy, begin];
}

/**
 * A button that does something that takes a while: it cannot be pressed twice, and tells what went wrong.
 * @param {any} props
 */
export function Action({ act, children, disabled, ...rest }) {
  const [busy, begin] = useWork();
  return html`<button type="button" aria-busy=${busy} disabled=${busy || Boolean(disabled)} onClick=${() => begin(act)} ...${rest}>${children}</button>`;
}

/**
 * A dialog above the page. The browser keeps the focus in it, and Escape closes it.
 * @param {{ title: string, close: () => void, children?: any, wide?: boolean }} props
 */
export function Dialog({ title, close, children, wide }) {
  /** @type {any} */
  const element = useRef(null);
  const [id, setId] = useState(0);
  useLayoutEffect(() => {
    const shown = element.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    shown.showModal();
    const opened = dialogOpened();
    setId(opened);
    return () => {
      dialogClosed(opened);
      shown.close();
      before?.focus();
    };
  }, []);
  return html`<dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${(event) => (event.preventDefault(), close())}>
    <div class="head"><h2 id="dialog-title">${title}</h2>
      <button type="button" class="plain" aria-label=${t("close")} onClick=${close}>×</button></div>
    ${children}
    ${id > 0 && html`<${Notices} dialog=${id} />`}
  </dialog>`;
}

/**
 * A question before what cannot be taken back, or reaches further than this page.
 * @param {{ title: string, button: string, act: () => unknown, close: () => void, id?: string, back?: string, children?: any }} props
 *   `act` is followed by `close`; `back`: what closes it without.
 */
export function Sure({ title, button, act, close, id = "sure", back = t("cancel"), children }) {
  return html`<${Dialog} title=${title} close=${close}>${children}
    <div class="actions"><${Action} class="danger" id=${id} act=${async () => (await act(), close())}>${button}<//>
      <button type="button" onClick=${close}>${back}</button></div><//>`;
}

/** Have the reader asked before a page is left with which something would be lost. @param {boolean} needed */
export function useStaying(needed) {
  useEffect(() => {
    hold(needed);
    return () => hold(false);
  }, [needed]);
}

/** The question before that. */
export function Leaving() {
  const act = leaving.value;
  const close = () => {
    leaving.value = null;
  };
  return act && html`<${Sure} id="leave" title=${t("leave.title")} button=${t("leave.anyway")} back=${t("leave.stay")} act=${() => (close(), act())} close=${close}><p>${t("leave.about")}</p><//>`;
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
