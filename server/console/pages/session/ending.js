// Closing a session, opening it again, and the roll as a file.
import { html, useState } from "../../libraries/ui.js";
import { call, download } from "../../core/api.js";
import { t } from "../../core/words.js";
import { Action, Sure, told } from "../../components/basics.js";

/** @param {any} props `kept`: how many photos closing erases; `acted`: does something, and loads the session again */
export function Ending({ session, waiting, kept, address, records, acted }) {
  const [asking, setAsking] = useState(false);
  const move = (state) => () => acted(async () => {
    await call("PATCH", address, { json: { state } });
    told(t(`session.is_${state}`));
  });
  const file = (format, end) => () => download(`${address}/roll`, { format }, `${session.clase}-${session.fecha}.${end}`);
  const photosGo = kept > 0 && html`<p class="quiet">${t("session.photos_go")}</p>`;
  const closing = html`${photosGo}<div class="actions">
    <${Action} class="main" id="close" act=${() => (waiting ? setAsking(true) : move("closed")())}>${t("session.close")}<//></div>`;
  return html`<section aria-label=${t("session.end")}>
    ${records && (session.state === "open" ? closing : html`<div class="actions"><${Action} id="reopen" act=${move("open")}>${t("session.reopen")}<//></div>`)}
    <h3 id="files-title">${t("session.files")}</h3>
    <div class="actions" role="group" aria-labelledby="files-title"><${Action} act=${file("csv", "csv")}>CSV<//><${Action} act=${file("xlsx", "xlsx")}>Excel<//><${Action} act=${file("moodle", "csv")}>Moodle<//></div>
    ${asking && html`<${Sure} title=${t("session.close")} button=${t("session.close_anyway")} act=${move("closed")} close=${() => setAsking(false)}>
      <p>${t("session.still_waiting", { count: waiting })}</p>${photosGo}<//>`}</section>`;
}
