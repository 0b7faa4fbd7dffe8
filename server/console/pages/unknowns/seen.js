// When and how often someone was seen, in words.
import { hour, t, when } from "../../core/words.js";

/** @param {{ visits: number, clases: string[] }} card */
export const seenOften = ({ visits, clases }) =>
  [t("unknowns.times", { count: visits }), clases.length > 0 && t("unknowns.in_classes", { count: clases.length })].filter(Boolean).join(" ");

/** @param {string} moment ISO with a zone */
export const lastSeen = (moment) => t("unknowns.last", { moment: isToday(moment) ? t("unknowns.today", { hour: hour(moment) }) : when(moment) });

/** @param {string} moment */
const isToday = (moment) => new Date(moment).toDateString() === new Date().toDateString();
