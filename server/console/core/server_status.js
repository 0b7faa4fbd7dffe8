// What the server says of itself, which several pages show: counts, threshold, and what day it is at the school.
import { signal } from "../libraries/ui.js";
import { ask } from "./api.js";
import { day } from "./words.js";

/** `/v1/status`; null before it was read, and for roles that may not read it. */
export const status = signal(/** @type {any} */ (null));

let ahead = 0; // by how many ms the server's clock is ahead of this device's

export async function readStatus() {
  const asked = Date.now();
  const reply = await ask("GET", "/v1/status");
  const took = Date.now() - asked;
  const told = Date.parse(reply.headers.get("Date") ?? ""); // whole seconds
  const found = told + 500 - (asked + took / 2);
  ahead = Math.abs(found) > 1000 + took / 2 ? found : 0; // less is not known
  status.value = await reply.json();
}

/** What the school's clock, which is the server's, shows at a moment of this device, HH:MM:SS. @param {Date} moment */
export const schoolTime = (moment) => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone() }).format(new Date(moment.getTime() + ahead));

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
