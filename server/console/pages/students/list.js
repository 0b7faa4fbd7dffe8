// Who is enrolled: searched, filtered and sorted. All of that stands in the address, so that going back keeps it.
import { html } from "../../libraries/ui.js";
import { everything, me } from "../../core/api.js";
import { mayManage } from "../../core/roles.js";
import { go, place, to } from "../../core/router.js";
import { status } from "../../core/server_status.js";
import { number, t } from "../../core/words.js";
import { Field, Section, useLoaded } from "../../components/basics.js";
import { Table, useLines } from "../../components/table.js";

/** What the address may say: parameters of the API's list. */
const ASKED = ["q", "clase", "aviso", "without_photos", "without_consent", "consent_ended", "sort"];
/** Filters that are on or off, and the value that means on. */
const ONLY = [["aviso", "any"], ["without_photos", "true"], ["without_consent", "true"], ["consent_ended", "true"]];

/** @param {{ title: string, query: URLSearchParams }} props */
export function List({ title, query }) {
  const asked = given(Object.fromEntries(ASKED.map((name) => [name, query.get(name) ?? ""])));
  const list = useLines("/v1/students", "students", asked);
  const show = (/** @type {Record<string, string>} */ changes) => go(["students"], given({ ...asked, ...changes }));
  const manages = mayManage(me.value?.role);
  const actions = manages && html`<a class="button" href=${to(["students", "import"])}>${t("import.title")}</a>
    <a class="button main" href=${to(["students", "new"])}>${t("students.add")}</a>`;
  const filtered = Object.keys(asked).some((name) => name !== "sort");
  return html`<${Section} title=${title} id="students-title" actions=${actions}>
    <${Filters} asked=${asked} show=${show} filtered=${filtered} />
    ${list.lines && list.lines.length > 0 && html`<p class="quiet" role="status" id="shown">${t(list.next ? "students.first" : "students.shown", { count: list.lines.length })}</p>`}
    <${Table} id="students" columns=${columns()} list=${list} caption=${title} sorted=${asked.sort ?? "matricula"} sort=${(by) => show({ sort: by })}
      empty=${t(filtered ? "students.none_such" : manages ? "students.none" : "students.none_here")} />
  <//>`;
}

/** @param {Record<string, string>} words @returns {Record<string, string>} those that say something */
const given = (words) => Object.fromEntries(Object.entries(words).filter(([, value]) => value));

const columns = () => [
  { title: t("name"), sort: "nombre", cell: (line) => html`<a href=${to(["students", "of", line.matricula])}>${line.nombre_del_alumno}</a>` },
  { title: t("matricula"), sort: "matricula", cell: (line) => line.matricula },
  { title: t("classes"), sort: "clase", cell: (line) => html`<span class="long">${[line.clase, ...line.otras_clases].filter(Boolean).join(", ")}</span>` },
  { title: t("students.photos"), sort: "photos", cell: (line) => number(line.images), numeric: true },
  { title: t("students.attended"), cell: (line) => number(line.asistencias), numeric: true },
  { title: t("students.taken_part"), cell: (line) => number(line.participaciones), numeric: true },
  { title: t("students.look_at"), cell: (line) => html`<${LookAt} line=${line} />` },
];

/** @param {{ asked: Record<string, string>, show: (changes: Record<string, string>) => void, filtered: boolean }} props */
function Filters({ asked, show, filtered }) {
  const { found } = useLoaded(() => everything("/v1/classes", "classes"), []);
  const known = (found ?? []).map((each) => each.clase);
  const classes = asked.clase && !known.includes(asked.clase) ? [...known, asked.clase] : known;
  const search = (event) => {
    event.preventDefault();
    show({ q: String(new FormData(event.target).get("q")).trim() });
  };
  return html`<form class="filters" role="search" onSubmit=${search}>
    <${Field} label=${t("students.search")} name="q" type="search" value=${asked.q ?? ""} />
    <button>${t("students.find")}</button>
    <${Field} label=${t("class")} name="clase"><select id="clase" value=${asked.clase ?? ""} onChange=${(event) => show({ clase: event.target.value })}>
      <option value="">${t("students.every_class")}</option>${classes.map((each) => html`<option value=${each}>${each}</option>`)}</select><//>
    <fieldset class="checks"><legend class="hidden">${t("students.only")}</legend>${ONLY.map(([name, on]) => html`<label class="check">
      <input type="checkbox" id=${name} checked=${asked[name] === on} onChange=${(event) => show({ [name]: event.target.checked ? on : "" })} />${t(`students.only.${name}`)}</label>`)}</fieldset>
    ${filtered && html`<button type="button" class="plain" id="all" onClick=${() => go(["students"], given({ sort: asked.sort }))}>${t("students.all")}</button>`}
  </form>`;
}

/** What a person should look at. @param {{ line: any }} props */
function LookAt({ line }) {
  const consent = status.value?.consent_required || place.value.query.get("without_consent");
  const ended = Boolean(line.consentimiento?.retirado);
  const codes = [line.aviso, ended && "consent_ended", !ended && line.templates === 0 && "without_template", consent && !line.consentimiento && line.kind === "student" && "without_consent"];
  return html`${codes.filter(Boolean).map((code) => html`<span class="mark">${t(`look_at.${code}`)}</span>`)}`;
}
