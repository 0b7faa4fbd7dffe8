// What a role may see and do in the console. The server decides again, on every request.

/** @typedef {"admin" | "teacher" | "attendance" | "viewer" | "student"} Role */

/** @type {Record<string, string[]>} */
const PAGES = {
  admin: ["today", "students", "identify", "unknowns", "statistics", "health", "calibration", "groups", "system"],
  teacher: ["today", "students", "identify", "unknowns", "statistics"],
  attendance: ["today", "students", "identify", "statistics"],
  viewer: ["today", "students", "statistics"],
  student: ["record", "statistics"],
};

/** Pages that the menu does not list: another page leads to them. */
export const INNER = ["session", "sessions"];

/** The pages of a role, in the order of the menu. @param {string} role */
export const pagesOf = (role) => PAGES[role] ?? [];
/** @param {string | undefined} role */
export const mayRecord = (role) => role === "admin" || role === "teacher" || role === "attendance";
/** @param {string | undefined} role */
export const seesPhotos = (role) => role === "admin" || role === "teacher" || role === "student";
/** @param {string | undefined} role */
export const mayManage = (role) => role === "admin";
