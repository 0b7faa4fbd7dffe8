// Which page is shown. The address after `#` is never sent to a server, so that no log has a student's matricula from it.
import { computed, signal } from "../libraries/ui.js";

/** @typedef {{ path: string[], query: URLSearchParams }} Place */

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

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
