// When a class meets: the times that its sessions take.
import { html, useState } from "../libraries/ui.js";
import { call } from "../core/api.js";
import { t } from "../core/words.js";
import { Action, Dialog, told } from "../components/basics.js";

/** @typedef {{ weekday: number, starts: string, ends: string | null, late_after: number | null }} Meeting */

const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];

/** @param {{ about: any, close: () => void, done: () => void }} props */
export function Timetable({ about, close, done }) {
  const [meetings, setMeetings] = useState(/** @type {Meeting[]} */ (about.timetable));
  const set = (index, name, value) => setMeetings(meetings.map((each, place) => (place === index ? { ...each, [name]: value } : each)));
  const add = () => {
    const last = meetings.at(-1) ?? { weekday: 0, starts: "08:00", ends: "09:00", late_after: 10 };
    setMeetings([...meetings, { ...last, weekday: Math.min(last.weekday + 1, 7) }]);
  };
  const save = async () => {
    await call("PUT", `/v1/classes/${about.clase.split("/").map(encodeURIComponent).join("/")}/timetable`, { json: { meetings } });
    told(t("saved"));
    done();
  };
  return html`<${Dialog} title=${t("timetable.of", { clase: about.clase })} close=${close} wide>
    <p class="quiet">${t("timetable.about")}</p>
    <div class="scroll"><table id="timetable">
      <thead><tr><th scope="col">${t("timetable.weekday")}</th><th scope="col">${t("session.starts")}</th><th scope="col">${t("session.ends")}</th>
        <th scope="col">${t("session.late_after")}</th><th><span class="hidden">${t("timetable.leave_out")}</span></th></tr></thead>
      <tbody>${meetings.map((each, index) => html`<tr key=${index}>
        <td><select aria-label=${t("timetable.weekday")} value=${each.weekday} onChange=${(event) => set(index, "weekday", Number(event.target.value))}>
          ${WEEKDAYS.map((number) => html`<option value=${number}>${t(`weekday.${number}`)}</option>`)}</select></td>
        <td><input type="time" aria-label=${t("session.starts")} value=${each.starts} required onInput=${(event) => set(index, "starts", event.target.value)} /></td>
        <td><input type="time" aria-label=${t("session.ends")} value=${each.ends ?? ""} onInput=${(event) => set(index, "ends", event.target.value || null)} /></td>
        <td><input type="number" min="0" max="600" aria-label=${t("session.late_after")} value=${each.late_after ?? ""}
          onInput=${(event) => set(index, "late_after", event.target.value === "" ? null : Number(event.target.value))} /></td>
        <td><button type="button" class="plain" aria-label=${t("timetable.leave_out")} onClick=${() => setMeetings(meetings.filter((_, place) => place !== index))}>×</button></td>
      </tr>`)}</tbody></table></div>
    <div class="actions"><button type="button" id="add-meeting" onClick=${add}>${t("timetable.add")}</button>
      <${Action} class="main" id="save-timetable" act=${save}>${t("save")}<//></div>
  <//>`;
}
