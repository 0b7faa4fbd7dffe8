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
  const [tried, setTried] = useState(false);
  const change = (index, fields) => setMeetings(meetings.map((each, place) => (place === index ? { ...each, ...fields } : each)));
  const save = async () => {
    setTried(true);
    if (meetings.some((_, index) => faultOf(meetings, index))) return;
    await call("PUT", `/v1/classes/${about.clase.split("/").map(encodeURIComponent).join("/")}/timetable`, { json: { meetings } });
    told(t("saved"));
    done();
  };
  return html`<${Dialog} title=${t("timetable.of", { clase: about.clase })} close=${close} wide>
    <p class="quiet">${t("timetable.about")}</p>
    <table id="timetable" class="stacked">
      <thead><tr><th scope="col">${t("timetable.weekday")}</th><th scope="col">${t("session.starts")}</th><th scope="col">${t("session.ends")}</th>
        <th scope="col">${t("session.late_after")}</th><th><span class="hidden">${t("timetable.leave_out")}</span></th></tr></thead>
      <tbody>${meetings.map((each, index) => html`<${Row} key=${index} meeting=${each} fault=${tried ? faultOf(meetings, index) : ""}
        change=${(fields) => change(index, fields)} leaveOut=${() => setMeetings(meetings.filter((_, place) => place !== index))} />`)}</tbody></table>
    <div class="actions"><button type="button" id="add-meeting" onClick=${() => setMeetings([...meetings, nextOf(meetings)])}>${t("timetable.add")}</button>
      <${Action} class="main" id="save-timetable" act=${save}>${t("save")}<//></div>
  <//>`;
}

/** @param {{ meeting: Meeting, fault: string, change: (fields: Partial<Meeting>) => void, leaveOut: () => void }} props */
function Row({ meeting, fault, change, leaveOut }) {
  const invalid = { "aria-invalid": Boolean(fault) };
  return html`<tr class=${fault ? "faulty" : ""}>
    <td><select aria-label=${t("timetable.weekday")} value=${meeting.weekday} onChange=${(event) => change({ weekday: Number(event.target.value) })}>
      ${WEEKDAYS.map((number) => html`<option value=${number}>${t(`weekday.${number}`)}</option>`)}</select>
      ${fault && html` <small class="wrong" role="alert">${t(`timetable.${fault}`)}</small>`}</td>
    <td data-label=${t("session.starts")}><input type="time" aria-label=${t("session.starts")} value=${meeting.starts} required ...${invalid} onInput=${(event) => change({ starts: event.target.value })} /></td>
    <td data-label=${t("session.ends")}><input type="time" aria-label=${t("session.ends")} value=${meeting.ends ?? ""} ...${invalid} onInput=${(event) => change({ ends: event.target.value || null })} /></td>
    <td data-label=${t("session.late_after")}><input type="number" min="0" max="600" aria-label=${t("session.late_after")} value=${meeting.late_after ?? ""}
      onInput=${(event) => change({ late_after: event.target.value === "" ? null : Number(event.target.value) })} /></td>
    <td><button type="button" class="plain" aria-label=${t("timetable.leave_out")} onClick=${leaveOut}>×</button></td></tr>`;
}

/** A further meeting: at the time of the last one, on the next day on which there is none then. @param {Meeting[]} meetings @returns {Meeting} */
function nextOf(meetings) {
  const last = meetings.at(-1) ?? { weekday: 7, starts: "08:00", ends: "09:00", late_after: 10 };
  const free = WEEKDAYS.map((each) => ((last.weekday + each - 1) % 7) + 1).find((weekday) => !meetings.some((each) => each.weekday === weekday && each.starts === last.starts));
  return free ? { ...last, weekday: free } : { ...last, starts: "", ends: null };
}

/** What is wrong with a meeting, if anything. @param {Meeting[]} meetings @param {number} index */
function faultOf(meetings, index) {
  const { weekday, starts, ends } = meetings[index];
  if (!starts) return "no_start";
  if (ends !== null && ends <= starts) return "ends_first";
  return meetings.slice(0, index).some((each) => each.weekday === weekday && each.starts === starts) ? "repeated" : "";
}
