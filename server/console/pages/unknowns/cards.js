// The cards of unknown people: filtered and sorted. All of that stands in the address, so that going back keeps it.
import { html, useState } from "../../libraries/ui.js";
import { me } from "../../core/api.js";
import { mayManage } from "../../core/roles.js";
import { go, to } from "../../core/router.js";
import { number, t } from "../../core/words.js";
import { Empty, Field, Section, Waiting } from "../../components/basics.js";
import { useKeptUp } from "../../components/kept_up.js";
import { Picture } from "../../components/stored_photo.js";
import { useLines } from "../../components/table.js";
import { ForgettingByPhoto } from "./forgetting.js";
import { lastSeen, seenOften } from "./seen.js";

const STATES = ["open", "not_ours"];
const ORDERS = ["last_at", "visits"];

/** @param {{ title: string, query: URLSearchParams }} props */
export function Cards({ title, query }) {
  const asked = { state: query.get("state") ?? "open", order: query.get("order") ?? "last_at" };
  const list = useLines("/v1/unknowns", "unknowns", asked);
  useKeptUp(list.again);
  const [forgetting, setForgetting] = useState(false);
  const show = (/** @type {Record<string, string>} */ changes) => go(["unknowns"], { ...asked, ...changes });
  const actions = mayManage(me.value?.role) && html`<button type="button" id="forget-by-photo" onClick=${() => setForgetting(true)}>${t("unknowns.forget_by_photo")}</button>`;
  return html`<${Section} title=${title} id="unknowns-title" actions=${actions}>
    <p class="quiet">${t("unknowns.about")}</p>
    <form class="filters" onSubmit=${(event) => event.preventDefault()}>
      <${Field} label=${t("unknowns.which")} name="state"><select id="state" value=${asked.state} onChange=${(event) => show({ state: event.target.value })}>
        ${STATES.map((each) => html`<option value=${each}>${t(`unknowns.state.${each}`)}</option>`)}</select><//>
      <${Field} label=${t("unknowns.order")} name="order"><select id="order" value=${asked.order} onChange=${(event) => show({ order: event.target.value })}>
        ${ORDERS.map((each) => html`<option value=${each}>${t(`unknowns.order.${each}`)}</option>`)}</select><//>
    </form>
    ${!list.lines ? html`<${Waiting} problem=${list.problem} again=${list.again} />`
      : !list.lines.length ? html`<${Empty} text=${t(`unknowns.none.${asked.state}`)} />`
        : html`<ul class="collection strangers" id="unknowns" aria-label=${title}>${list.lines.map((each) => html`<li key=${each.id}><${Card} card=${each} /></li>`)}</ul>`}
    ${list.next && html`<p><button type="button" onClick=${() => list.more()}>${t("more")}</button></p>`}
    ${forgetting && html`<${ForgettingByPhoto} close=${() => setForgetting(false)} done=${list.again} />`}
  <//>`;
}

/** @param {{ card: any }} props */
function Card({ card }) {
  const [like] = card.resembles;
  return html`<a href=${to(["unknowns", String(card.id)])}><${Picture} href=${card.picture} size="" alt=${t("unknowns.one", { id: card.id })} /></a>
    <strong>${seenOften(card)}</strong><span>${lastSeen(card.last_at)}</span>
    ${card.note && html`<span>${card.note}</span>`}
    ${like && html`<small>${t("unknowns.like", { name: like.nombre_del_alumno, score: number(like.score, { maximumFractionDigits: 2 }) })}</small>`}
    ${card.alike.length > 0 && html`<span class="mark">${t("unknowns.alike", { count: card.alike.length })}</span>`}`;
}
