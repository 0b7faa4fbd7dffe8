// The words of the console, in two languages. Pages name a message; the catalogues have its text.
import { computed, signal } from "../libraries/ui.js";
import { en } from "../catalogues/en.js";
import { es } from "../catalogues/es.js";

/** @typedef {"es" | "en"} Language */

/** @type {Record<Language, Record<string, string>>} */
const CATALOGUES = { es, en };
const KEPT = "presente.language";

/** @returns {Language} what was chosen here before, or the first language of the browser that there is */
function first() {
  const kept = localStorage.getItem(KEPT);
  if (kept === "es" || kept === "en") return kept;
  const known = navigator.languages.map((each) => each.slice(0, 2)).find((each) => each === "es" || each === "en");
  return known === "en" ? "en" : "es";
}

/** The language of the console. */
export const language = signal(first());
/** How the reader's country writes numbers and dates; where the browser does not say, as Mexico does in Spanish. */
const region = computed(() => navigator.languages.find((each) => each.startsWith(`${language.value}-`)) ?? { es: "es-MX", en: "en-GB" }[language.value]);
const plural = computed(() => new Intl.PluralRules(language.value));

/** @param {Language} chosen */
export function speak(chosen) {
  localStorage.setItem(KEPT, chosen);
  language.value = chosen;
}

/**
 * A message's text. `{name}` in it is replaced by the value of that name. With `count`, the message is `key.one` or
 * `key.other`, as the language has it.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const words = CATALOGUES[language.value];
  const form = "count" in values ? `${key}.${plural.value.select(Number(values.count))}` : key;
  const text = words[form] ?? words[`${key}.other`] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether the catalogue has a message. @param {string} key */
export const has = (key) => key in CATALOGUES[language.value];

/**
 * What went wrong, in the reader's language; a code without a message of its own is told in the server's words.
 * @param {import("./api.js").Problem} problem
 */
export function reason(problem) {
  const rule = `rule.${fieldOf(problem.more?.field)}`;
  if (problem.code === "invalid_student" && has(rule)) return t(rule);
  const key = `error.${problem.code}`;
  const advice = (problem.more?.faults ?? []).map((/** @type {string} */ code) => t(`advice.${code}`));
  return has(key) ? [t(key, { seconds: problem.retryAfter ?? 1 }), ...advice].join(" ") : problem.detail;
}

/** A field that a problem is about, as messages name it. @param {string} [field] */
export const fieldOf = (field = "") => field.replace(".", "_");

/** @param {string} date ISO, of the school @param {Intl.DateTimeFormatOptions} [how] */
export function day(date, how = { weekday: "long", day: "numeric", month: "long" }) {
  return new Intl.DateTimeFormat(region.value, { ...how, timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));
}

/** @param {string} moment ISO with a zone @returns {string} in the reader's own zone */
export function when(moment) {
  return new Intl.DateTimeFormat(region.value, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
}

/** @param {string} moment ISO with a zone @returns {string} the time of day alone */
export function hour(moment) {
  return new Intl.DateTimeFormat(region.value, { timeStyle: "short" }).format(new Date(moment));
}

/** @param {number} seconds @returns {string} 75 is 1:15, and an hour 1:00:00 */
export function clock(seconds) {
  const [whole, two] = [Math.max(0, Math.floor(seconds)), (/** @type {number} */ each) => String(each).padStart(2, "0")];
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

/** The size of a file. @param {number} bytes */
export const megabytes = (bytes) => number(bytes / 1e6, { style: "unit", unit: "megabyte", maximumSignificantDigits: 2 });

/** @param {number} value @param {Intl.NumberFormatOptions} [how] */
export function number(value, how) {
  return new Intl.NumberFormat(region.value, how).format(value);
}
