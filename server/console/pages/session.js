// A session: photos or a camera, the roll that fills in, doubtful faces settled with a tap, corrections, the end.
import { html, useState } from "../libraries/ui.js";
import { ask, call, download, me, word } from "../core/api.js";
import { mayRecord } from "../core/roles.js";
import { to } from "../core/router.js";
import { day, hour, number, t } from "../core/words.js";
import { Action, Section, Waiting, failed, told, useLoaded } from "../components/basics.js";
import { Photo, PhotoPicker } from "../components/photo.js";
import { Kiosk } from "./kiosk.js";
import { Settling } from "./settling.js";

const STATUSES = ["present", "late", "excused", "absent"];
const SHOWN = ["present", "late", "waiting", "excused", "absent"];

/** @param {{ path: string[] }} props */
export function Session({ path }) {
  const address = `/v1/sessions/${path[0]}`;
  const records = mayRecord(me.value?.role);
  const { found, problem, again } = useLoaded(async (signal) => {
    const about = await call("GET", address, { signal });
    const photos = records ? (await call("GET", `${address}/photos`, { signal })).photos : [];
    return { ...about, photos };
  }, [address]);
  const [camera, setCamera] = useState(false);
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  const { session, counts, roll, photos } = found;
  const open = session.state === "open" && records;
  const send = async (files) => {
    const body = new FormData();
    files.forEach((file, index) => body.append("image", file, `${index + 1}`));
    const answer = await call("POST", `${address}/photos`, { body, once: word() });
    const numbers = answer.photos.map((each) => each.number);
    told(t("session.added", { count: answer.roll.length }), () => Promise.all(numbers.map((photo) => undo({ photo }))).catch(failed));
    again();
  };
  const undo = async (what) => {
    await call("POST", `${address}/undo`, { json: what, once: word() });
    again();
  };
  const say = async (json) => {
    const answer = await call("POST", `${address}/entries`, { json, once: word() });
    const entry = answer.roll[0]?.entry;
    told(t("saved"), entry ? () => undo({ entry }).catch(failed) : undefined);
    again();
  };
  const takePart = async (line) => {
    const made = await call("POST", "/v1/participations", { json: { matricula: line.matricula, clase: session.clase, fecha: session.fecha }, once: word() });
    told(t("session.took_part", { name: line.nombre_del_alumno }), () => call("DELETE", `/v1/participations/${made.id}`).catch(failed));
  };
  return html`<p><a href=${to(["today"])}>← ${t("page.today")}</a></p>
    <h1>${session.clase}<small class="day">${day(session.fecha)}, ${session.starts}${session.ends ? `–${session.ends}` : ""}</small></h1>
    <dl class="counts" id="counts">${SHOWN.map((each) => html`<div><dt>${t(`status.${each}`)}</dt><dd class=${each}>${number(counts[each])}</dd></div>`)}</dl>
    ${open && html`<${Section} title=${t("session.take")} id="take-title">
      <div class="choose"><${PhotoPicker} several chosen=${(files) => send(files).catch(failed)} label=${t("session.choose")} />
        <button type="button" id="kiosk" onClick=${() => setCamera(!camera)}>${t(camera ? "camera.off" : "session.kiosk")}</button></div>
      ${camera && html`<${Kiosk} address=${address} changed=${again} say=${say} />`}
    <//>`}
    ${photos.filter((each) => each.kept && !each.undone).map((each) => html`<${Taken} key=${each.number} photo=${each} roll=${roll} address=${address} open=${open} say=${say} undo=${undo} />`)}
    <${Roll} roll=${roll} open=${open} say=${say} undo=${undo} takePart=${takePart} />
    <${Ending} session=${session} address=${address} records=${records} again=${again} />`;
}

/** The roll, doubtful lines first. @param {any} props */
function Roll({ roll, open, say, undo, takePart }) {
  const lines = [...roll].sort((a, b) => Number(b.status === "waiting") - Number(a.status === "waiting"));
  return html`<${Section} title=${t("session.roll")} id="roll-title"><div class="scroll" tabindex="0" role="region" aria-label=${t("session.roll")}><table id="roll">
    <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("matricula")}</th><th scope="col">${t("session.status")}</th>
      <th scope="col">${t("session.since")}</th>${open && html`<th scope="col">${t("session.correct")}</th>`}</tr></thead>
    <tbody>${lines.map((line) => html`<tr key=${line.matricula} data-matricula=${line.matricula}>
      <td>${line.nombre_del_alumno}</td><td>${line.matricula}</td><td class=${line.status}>${t(`status.${line.status}`)}${line.note && html` <small>${line.note}</small>`}</td>
      <td>${line.since ? hour(line.since) : ""}</td>
      ${open && html`<td><div class="actions"><select aria-label=${t("session.correct_of", { name: line.nombre_del_alumno })} value=${line.status}
          onChange=${(event) => say({ matricula: line.matricula, status: event.target.value }).catch(failed)}>
          ${!STATUSES.includes(line.status) && html`<option value=${line.status} disabled>${t(`status.${line.status}`)}</option>`}
          ${STATUSES.map((each) => html`<option value=${each}>${t(`status.${each}`)}</option>`)}</select>
        <${Action} act=${() => takePart(line)} aria-label=${t("session.takes_part_of", { name: line.nombre_del_alumno })}>${t("session.takes_part")}<//>
        ${line.entry && html`<${Action} act=${() => undo({ entry: line.entry })} aria-label=${t("session.undo_of", { name: line.nombre_del_alumno })}>${t("undo")}<//>`}</div></td>`}
    </tr>`)}</tbody></table></div><//>`;
}

/** A photo that was sent, and what was made of its faces. @param {any} props */
function Taken({ photo, roll, address, open, say, undo }) {
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  const source = `${address}/photos/${photo.number}`; // fetched with this page's own key
  const { found, problem } = useLoaded(async (signal) => (await ask("GET", source, { signal })).blob(), [source]);
  const face = chosen === null ? null : photo.faces[chosen];
  const marked = photo.faces.map((each) => ({ box: each.box, kind: each.status, label: label(each), title: `${label(each)}: ${t(`face.${each.status}`)}` }));
  return html`<${Section} title=${t("session.photo", { number: photo.number })} id=${`photo-${photo.number}`}
    actions=${open && html`<${Action} act=${() => undo({ photo: photo.number })}>${t("session.take_back")}<//>`}>
    ${found ? html`<${Photo} source=${found} faces=${marked} choose=${open ? setChosen : undefined} alt=${t("session.photo_of")} size=${{ width: photo.width, height: photo.height }} />` : html`<${Waiting} problem=${problem} />`}
    ${face && found && html`<${Settling} face=${face} photo=${photo} copy=${found} roll=${roll} say=${say} close=${() => setChosen(null)} />`}
  <//>`;
}

/** @param {any} face */
const label = (face) => (face.status === "present" ? face.nombre.split(" ")[0] : t(`face.short.${face.status}`));

/** Closing, opening again, and the roll as a file. @param {any} props */
function Ending({ session, address, records, again }) {
  const move = (state) => async () => {
    await call("PATCH", address, { json: { state } });
    told(t(`session.is_${state}`));
    again();
  };
  const file = (format, end) => () => download(`${address}/roll`, { format }, `${session.clase}-${session.fecha}.${end}`);
  return html`<div class="actions">
    ${records && (session.state === "open" ? html`<${Action} class="main" id="close" act=${move("closed")}>${t("session.close")}<//>` : html`<${Action} id="reopen" act=${move("open")}>${t("session.reopen")}<//>`)}
    <${Action} act=${file("csv", "csv")}>CSV<//><${Action} act=${file("xlsx", "xlsx")}>Excel<//><${Action} act=${file("moodle", "csv")}>Moodle<//></div>`;
}
