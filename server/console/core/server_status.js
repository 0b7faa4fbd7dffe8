// What the server says of itself, which several pages show: counts, threshold, and what day it is at the school.
import { signal } from "../libraries/ui.js";
import { call } from "./api.js";
import { day } from "./words.js";

/** `/v1/status`; null before it was read, and for roles that may not read it. */
export const status = signal(/** @type {any} */ (null));

export async function readStatus() {
  status.value = await call("GET", "/v1/status");
}

/** What the school's clock shows at a moment, HH:MM:SS. @param {Date} moment */
export const schoolTime = (moment) => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone() }).format(moment);

/** The school's zone; undefined where the server's machine has one that browsers do not know by name. */
function zone() {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: status.value?.timezone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** A day in words, with the year when it is not this one at the school. @param {string} date ISO */
export const dayOf = (date) => day(date, { weekday: "long", day: "numeric", month: "long", ...(date.slice(0, 4) !== status.value?.today.slice(0, 4) && { year: "numeric" }) });
