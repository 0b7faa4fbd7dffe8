// A meeting that leads to its session, for those who may open it.
import { html } from "../libraries/ui.js";
import { me } from "../core/api.js";
import { pagesOf } from "../core/roles.js";
import { to } from "../core/router.js";

/** @param {{ session: number | null, children?: any }} props */
export function MeetingLink({ session, children }) {
  const opens = session !== null && pagesOf(me.value?.role ?? "").includes("today");
  return opens ? html`<a href=${to(["session", String(session)])}>${children}</a>` : children;
}
