// People who were seen and are not enrolled: the cards, or the one that the address names.
import { html } from "../libraries/ui.js";
import { me } from "../core/api.js";
import { mayManage } from "../core/roles.js";
import { status } from "../core/server_status.js";
import { t } from "../core/words.js";
import { Empty, Section, Waiting } from "../components/basics.js";
import { Cards } from "./unknowns/cards.js";
import { Person } from "./unknowns/person.js";

/** @param {{ title: string, path: string[], query: URLSearchParams }} props */
export function Unknowns({ title, path, query }) {
  if (status.value === null) return html`<${Waiting} problem=${null} />`;
  if (!status.value.keeps_unknown) return html`<${Off} title=${title} />`;
  return path[0] ? html`<${Person} key=${path[0]} number=${Number(path[0])} />` : html`<${Cards} title=${title} query=${query} />`;
}

/** Where no one is kept: what it would be, and how it is turned on. @param {{ title: string }} props */
const Off = ({ title }) => html`<${Section} title=${title} id="unknowns-title"><${Empty} text=${t("unknowns.off")}>
    <p class="quiet">${t(mayManage(me.value?.role) ? "unknowns.off_setting" : "unknowns.off_ask")}</p>
    ${mayManage(me.value?.role) && html`<p><code>PRESENTE_UNKNOWNS=keep</code></p>`}<//><//>`;
