// Who may use the server: accounts of people, keys of machines.
import { html, useState } from "../../libraries/ui.js";
import { Problem, call, everything } from "../../core/api.js";
import { to } from "../../core/router.js";
import { t, when } from "../../core/words.js";
import { Action, Dialog, Field, Section, Sure, Waiting, told, useLoaded } from "../../components/basics.js";
import { Form } from "../../components/form.js";
import { Table, useLines } from "../../components/table.js";

const ROLES = { users: ["teacher", "viewer", "student", "admin"], keys: ["teacher", "attendance", "viewer", "student", "admin"] };
const NEW = { name: "", role: "teacher", classes: [], matricula: null };

export function Users() {
  const list = useLines("/v1/users", "users", {});
  const [open, setOpen] = useState(/** @type {{ what: "" | "add" | "change" | "disable", line: any }} */ ({ what: "", line: null }));
  const close = () => setOpen({ what: "", line: null });
  const enable = async (line, enabled) => {
    await call("PATCH", addressOf(line.name), { json: { enabled } });
    told(t("saved"));
    list.again();
  };
  const done = () => (close(), told(t("saved")), list.again());
  const columns = [
    { title: t("login.name"), cell: (line) => line.name },
    { title: t("role"), cell: (line) => t(`role.${line.role}`) },
    { title: t("users.reach"), cell: reach },
    { title: t("users.state"), cell: (line) => t(line.enabled ? "users.enabled" : "users.disabled") },
    { title: "", cell: (line) => html`<div class="actions"><button type="button" onClick=${() => setOpen({ what: "change", line })}>${t("users.change")}</button>
      ${line.enabled ? html`<button type="button" onClick=${() => setOpen({ what: "disable", line })}>${t("users.disable")}</button>`
        : html`<${Action} act=${() => enable(line, true)}>${t("users.enable")}<//>`}</div>` },
  ];
  const { what, line } = open;
  return html`<${Section} title=${t("system.users")} id="users-title" actions=${html`<button type="button" onClick=${() => setOpen({ what: "add", line: NEW })}>${t("users.add")}</button>`}>
    <${Table} id="users" columns=${columns} list=${list} empty=${t("users.none")} caption=${t("system.users")} />
    ${what === "add" && html`<${Adding} kind="users" close=${close} done=${done} />`}
    ${what === "change" && html`<${Changing} line=${line} close=${close} done=${done} />`}
    ${what === "disable" && html`<${Sure} title=${t("users.disable")} button=${t("users.disable")} act=${() => enable(line, false)} close=${close}><p>${t("users.disable_sure", { name: line.name })}</p><//>`}
  <//>`;
}

export function Keys() {
  const list = useLines("/v1/keys", "keys", {});
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [revoked, setRevoked] = useState(/** @type {any} */ (null));
  const revoke = async () => {
    await call("DELETE", `/v1/keys/${encodeURIComponent(revoked.name)}`);
    told(t("keys.revoked", { name: revoked.name }));
    list.again();
  };
  const columns = [
    { title: t("keys.name"), cell: (line) => line.name },
    { title: t("role"), cell: (line) => t(`role.${line.role}`) },
    { title: t("users.reach"), cell: reach },
    { title: t("keys.last_used"), cell: (line) => (line.last_used ? when(line.last_used) : t("never")) },
    { title: "", cell: (line) => html`<button type="button" onClick=${() => setRevoked(line)}>${t("keys.revoke")}</button>` },
  ];
  return html`<${Section} title=${t("system.keys")} id="keys-title" actions=${html`<button type="button" onClick=${() => setAdding(true)}>${t("keys.add")}</button>`}>
    <p class="quiet">${t("keys.about")}</p>
    <${Table} id="keys" columns=${columns} list=${list} empty=${t("keys.none")} caption=${t("system.keys")} />
    ${adding && html`<${Adding} kind="keys" close=${() => setAdding(false)} done=${(key) => (setAdding(false), setMade(key), list.again())} />`}
    ${made && html`<${Dialog} title=${t("keys.made")} close=${() => setMade(null)}><p>${t("keys.once")}</p><p><code id="new-key">${made.key}</code></p>
      <${Action} act=${() => navigator.clipboard.writeText(made.key).then(() => told(t("copied")))}>${t("copy")}<//><//>`}
    ${revoked && html`<${Sure} title=${t("keys.revoke")} button=${t("keys.revoke")} act=${revoke} close=${() => setRevoked(null)}><p>${t("keys.revoke_sure", { name: revoked.name })}</p><//>`}
  <//>`;
}

/** @param {string} name */
const addressOf = (name) => `/v1/users/${encodeURIComponent(name)}`;

/** Of whom an account or a key learns: a student's own record, a teacher's classes, everyone. @param {any} line */
function reach(line) {
  if (line.matricula) return html`<a href=${to(["students", "of", line.matricula])}>${line.matricula}</a>`;
  return line.classes === null ? t("everyone") : line.classes.join(", ");
}

/** A new account or key. @param {{ kind: "users" | "keys", close: () => void, done: (made: any) => void }} props */
function Adding({ kind, close, done }) {
  const send = async (fields, form) => {
    const json = { name: fields.name.trim(), ...granted(form), ...(kind === "users" && { password: fields.password }) };
    done(await call("POST", `/v1/${kind}`, { json }));
  };
  return html`<${Dialog} title=${t(`${kind}.add`)} close=${close}><${Form} id="add" send=${send} button=${t("save")}>
    <${Field} label=${t(kind === "users" ? "login.name" : "keys.name")} name="name" required autocapitalize="none" spellcheck="false" autocomplete="off" />
    <${Grant} kind=${kind} now=${NEW} />
    ${kind === "users" && html`<${Field} label=${t("login.password")} name="password" type="password" required minlength="10" autocomplete="new-password" hint=${t("login.password_rule")} />`}
    <//><//>`;
}

/** What an account may do, and another password for one who has forgotten it. @param {{ line: any, close: () => void, done: () => void }} props */
function Changing({ line, close, done }) {
  const send = async ({ password }, form) => {
    await call("PATCH", addressOf(line.name), { json: { ...granted(form), ...(password && { password }) } });
    done();
  };
  return html`<${Dialog} title=${t("users.change_of", { name: line.name })} close=${close}><${Form} id="change" send=${send} button=${t("save")}>
    <${Grant} kind="users" now=${line} />
    <${Field} label=${t("users.new_password")} name="password" type="password" minlength="10" autocomplete="new-password" hint=${t("users.new_password_about")} />
    <//><//>`;
}

/** The fields that say what an account or a key may do. @param {{ kind: "users" | "keys", now: any }} props */
function Grant({ kind, now }) {
  const [role, setRole] = useState(now.role);
  const { found, problem, again } = useLoaded(() => everything("/v1/classes", "classes"), []);
  const known = (found ?? []).map((each) => each.clase);
  const others = (now.classes ?? []).filter((each) => !known.includes(each));
  return html`<p class="field"><label for="role">${t("role")}</label>
      <select id="role" name="role" value=${role} onChange=${(event) => setRole(event.target.value)}>${ROLES[kind].map((each) => html`<option value=${each}>${t(`role.${each}`)}</option>`)}</select></p>
    ${role === "teacher" && (found ? html`<fieldset class="consent"><legend>${t("classes")}</legend>
        <div class="checks many">${known.map((each) => html`<label class="check" key=${each}><input type="checkbox" name="class" value=${each} defaultChecked=${now.classes?.includes(each)} />${each}</label>`)}</div>
        <${Field} label=${t("users.other_classes")} name="others" defaultValue=${others.join(", ")} hint=${t("classes.hint")} /></fieldset>`
      : html`<${Waiting} problem=${problem} again=${again} />`)}
    ${role === "student" && html`<${Field} label=${t("matricula")} name="matricula" required defaultValue=${now.matricula ?? ""} autocomplete="off" />`}`;
}

/** What the fields of a form say, as the API takes it. @param {HTMLFormElement} form */
function granted(form) {
  const given = new FormData(form);
  const role = String(given.get("role"));
  if (role === "student") return { role, matricula: String(given.get("matricula")).trim() };
  if (role !== "teacher") return { role };
  const others = String(given.get("others") ?? "").split(",").map((each) => each.trim());
  const classes = [...new Set([...given.getAll("class"), ...others])].filter(Boolean);
  if (!classes.length) throw new Problem("needs_class", t("users.needs_class"), { more: { field: "others" } });
  return { role, classes };
}
