// Which page is shown. The address after `#` is never sent to a server, so that no log has a student's matricula from it.
import { computed, signal } from "../libraries/ui.js";

/** @typedef {{ path: string[], query: URLSearchParams }} Place */

const hash = signal(location.hash);
let held = false;
/** What waits for the reader's word that what would be lost is to be lost; null for nothing. */
export const leaving = signal(/** @type {(() => unknown) | null} */ (null));

addEventListener("hashchange", () => {
  const wanted = location.hash;
  if (!held || wanted === hash.value) return void (hash.value = wanted);
  history.replaceState(null, "", hash.value || location.pathname); // the reader is here until it is decided
  leaving.value = () => {
    hold(false);
    location.hash = wanted;
  };
});
addEventListener("beforeunload", (event) => held && event.preventDefault());

/** Say whether something would be lost with the page: then the reader is asked before it is left. @param {boolean} needed */
export function hold(needed) {
  held = needed;
}

/** Do what leaves the page, or ends what it holds: after a question, if something would be lost. @param {() => unknown} act */
export function leave(act) {
  if (held) leaving.value = act;
  else return act();
}

/** Where the reader is: the parts of the path, and the parameters behind it. */
export const place = computed(() => {
  const [path, query = ""] = hash.value.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
});

/** The address of a page. @param {string[]} path @param {Record<string, string>} [query] */
export function to(path, query) {
  const words = query ? `?${new URLSearchParams(query)}` : "";
  return `#/${path.map(encodeURIComponent).join("/")}${words}`;
}

/** @param {string[]} path @param {Record<string, string>} [query] */
export function go(path, query) {
  location.hash = to(path, query);
}
