// The system: what is running, who may use it, and who did what.
import { html, useState } from "../libraries/ui.js";
import { call, download, options } from "../core/api.js";
import { go, to } from "../core/router.js";
import { status } from "../core/server_status.js";
import { number, t, when } from "../core/words.js";
import { Action, Dialog, Field, Section, Waiting, told, useLoaded } from "../components/basics.js";
import { Form } from "../components/form.js";
import { JobState, jobProblem, progressWords, useJob } from "../components/jobs.js";
import { Table, useLines } from "../components/table.js";

const TABS = ["status", "settings", "jobs", "users", "keys", "log"];

/** @param {{ title: string, path: string[] }} props */
export function System({ title, path }) {
  const shown = TABS.includes(path[0]) ? path[0] : "status";
  const tabs = TABS.filter((each) => each !== "users" || options.value.accounts);
  const part = { status: Running, settings: Settings, jobs: Jobs, users: Users, keys: Keys, log: AccessLog }[shown];
  return html`<h1>${title}</h1>
    <nav class="tabs" aria-label=${title}>${tabs.map((each) => html`<a href=${to(["system", each])} aria-current=${each === shown ? "page" : undefined}>${t(`system.${each}`)}</a>`)}</nav>
    <${part} />`;
}

function Running() {
  const found = status.value;
  if (!found) return html`<p class="quiet">${t("loading")}</p>`;
  const facts = [
    ["subjects", number(found.subjects)], ["templates", number(found.templates)], ["pack", found.pack],
    ["threshold", `${number(found.threshold)} (${found.threshold_source})`], ["index", `${found.index_kind}, ${found.dim}-d`],
    ["generation", number(found.generation)], ["timezone", `${found.timezone}, ${found.today}`], ["version", found.version],
  ];
  return html`<${Section} title=${t("system.status")} id="status-title">
    <dl id="status">${facts.map(([name, value]) => html`<div><dt>${t(`status.${name}`)}</dt><dd>${value}</dd></div>`)}</dl>
    ${found.calibration?.warning && html`<p class="wrong">${found.calibration.warning}</p>`}
    <p><a href="/docs">${t("system.api")}</a></p>
  <//>`;
}

function Settings() {
  const { found, problem, again } = useLoaded((signal) => call("GET", "/v1/settings", { signal }), []);
  const columns = [
    { title: t("settings.name"), cell: (line) => html`<code>${line.name}</code>` },
    { title: t("settings.value"), cell: (line) => line.value || html`<span class="quiet">${t("settings.none")}</span>` },
    { title: t("settings.came_from"), cell: (line) => (line.came_from === "default" ? t("settings.default") : line.came_from) },
    { title: t("settings.meaning"), cell: (line) => line.meaning },
  ];
  if (!found) return html`<${Waiting} problem=${problem} again=${again} />`;
  const list = { lines: found.settings, next: null, problem: null, again, more: async () => {} };
  return html`<${Section} title=${t("system.settings")} id="settings-title"><p class="quiet">${t("settings.about")}</p>
    <${Table} id="settings" columns=${columns} list=${list} empty=${t("settings.none")} caption=${t("system.settings")} /><//>`;
}

function Jobs() {
  const list = useLines("/v1/jobs", "jobs", { limit: 20 });
  const compact = useJob("compact", list.again);
  const sync = useJob("sync", list.again);
  const columns = [
    { title: t("job.kind"), cell: (line) => t(`job.kind.${line.kind}`) },
    { title: t("job.state"), cell: (line) => (line.state === "running" ? progressWords(line) : t(`job.state.${line.state}`)) + (line.problem ? `: ${jobProblem(line.problem)}` : "") },
    { title: t("job.asked"), cell: (line) => `${when(line.asked_at)}, ${line.asked_by}` },
    { title: t("job.ended"), cell: (line) => (line.ended_at ? when(line.ended_at) : "–") },
  ];
  const start = (watched) => () => watched.start().then(list.again);
  return html`<${Section} title=${t("system.jobs")} id="jobs-title" actions=${html`<${Action} id="compact" disabled=${compact.working} act=${start(compact)}>${t("job.compact")}<//>
      <${Action} id="sync" disabled=${sync.working} act=${start(sync)}>${t("job.sync")}<//>`}>
    <p class="quiet">${t("job.about")}</p>
    <${JobState} watched=${compact} /><${JobState} watched=${sync} />
    <${Table} id="jobs" columns=${columns} list=${list} empty=${t("job.none")} caption=${t("system.jobs")} />
  <//>`;
}

const ROLES = ["teacher", "viewer", "student", "admin"];

/** The fields that say what an account or a key may do. @param {{ role: string, setRole: (role: string) => void }} props */
function Grant({ role, setRole }) {
  return html`<p class="field"><label for="role">${t("role")}</label>
      <select id="role" name="role" value=${role} onChange=${(event) => setRole(event.target.value)}>${ROLES.map((each) => html`<option value=${each}>${t(`role.${each}`)}</option>`)}</select></p>
    ${role === "teacher" && html`<${Field} label=${t("classes")} name="classes" required hint=${t("classes.hint")} />`}
    ${role === "student" && html`<${Field} label=${t("matricula")} name="matricula" required />`}`;
}

/** What the fields of a form say, as the API takes it. @param {any} fields */
function granted({ role, classes, matricula }) {
  if (role === "teacher") return { role, classes: classes.split(",").map((each) => each.trim()).filter(Boolean) };
  return role === "student" ? { role, matricula: matricula.trim() } : { role };
}

function Users() {
  const list = useLines("/v1/users", "users", {});
  const [adding, setAdding] = useState(false);
  const change = (line, fields) => async () => {
    await call("PATCH", `/v1/users/${encodeURIComponent(line.name)}`, { json: fields });
    told(t("saved"));
    list.again();
  };
  const columns = [
    { title: t("login.name"), cell: (line) => line.name },
    { title: t("role"), cell: (line) => t(`role.${line.role}`) },
    { title: t("classes"), cell: (line) => line.classes?.join(", ") ?? line.matricula ?? t("everyone") },
    { title: t("users.state"), cell: (line) => t(line.enabled ? "users.enabled" : "users.disabled") },
    { title: "", cell: (line) => html`<${Action} act=${change(line, { enabled: !line.enabled })}>${t(line.enabled ? "users.disable" : "users.enable")}<//>` },
  ];
  return html`<${Section} title=${t("system.users")} id="users-title" actions=${html`<button type="button" onClick=${() => setAdding(true)}>${t("users.add")}</button>`}>
    <${Table} id="users" columns=${columns} list=${list} empty=${t("users.none")} caption=${t("system.users")} />
    ${adding && html`<${Adding} kind="users" close=${() => setAdding(false)} done=${() => (setAdding(false), told(t("saved")), list.again())} />`}
  <//>`;
}

/** A new account or key. @param {{ kind: "users" | "keys", close: () => void, done: (made: any) => void }} props */
function Adding({ kind, close, done }) {
  const [role, setRole] = useState("teacher");
  const send = async (fields) => {
    const json = { name: fields.name.trim(), ...granted(fields), ...(kind === "users" && { password: fields.password }) };
    done(await call("POST", `/v1/${kind}`, { json }));
  };
  return html`<${Dialog} title=${t(`${kind}.add`)} close=${close}><${Form} id="add" send=${send} button=${t("save")}>
    <${Field} label=${t(kind === "users" ? "login.name" : "keys.name")} name="name" required autocapitalize="none" spellcheck="false" autocomplete="off" />
    <${Grant} role=${role} setRole=${setRole} />
    ${kind === "users" && html`<${Field} label=${t("login.password")} name="password" type="password" required minlength="10" autocomplete="new-password" hint=${t("login.password_rule")} />`}
    <//><//>`;
}

function Keys() {
  const list = useLines("/v1/keys", "keys", {});
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState(/** @type {any} */ (null));
  const revoke = (line) => async () => {
    if (!confirm(t("keys.revoke_sure", { name: line.name }))) return;
    await call("DELETE", `/v1/keys/${encodeURIComponent(line.name)}`);
    told(t("keys.revoked", { name: line.name }));
    list.again();
  };
  const columns = [
    { title: t("keys.name"), cell: (line) => line.name },
    { title: t("role"), cell: (line) => t(`role.${line.role}`) },
    { title: t("classes"), cell: (line) => line.classes?.join(", ") ?? line.matricula ?? t("everyone") },
    { title: t("keys.last_used"), cell: (line) => (line.last_used ? when(line.last_used) : t("never")) },
    { title: "", cell: (line) => html`<${Action} act=${revoke(line)}>${t("keys.revoke")}<//>` },
  ];
  return html`<${Section} title=${t("system.keys")} id="keys-title" actions=${html`<button type="button" onClick=${() => setAdding(true)}>${t("keys.add")}</button>`}>
    <p class="quiet">${t("keys.about")}</p>
    <${Table} id="keys" columns=${columns} list=${list} empty=${t("keys.none")} caption=${t("system.keys")} />
    ${adding && html`<${Adding} kind="keys" close=${() => setAdding(false)} done=${(key) => (setAdding(false), setMade(key), list.again())} />`}
    ${made && html`<${Dialog} title=${t("keys.made")} close=${() => setMade(null)}><p>${t("keys.once")}</p><p><code id="new-key">${made.key}</code></p>
      <${Action} act=${() => navigator.clipboard.writeText(made.key).then(() => told(t("copied")))}>${t("copy")}<//><//>`}
  <//>`;
}

function AccessLog() {
  const [query, setQuery] = useState({});
  const list = useLines("/v1/access-log", "lines", { limit: 100, ...query });
  const search = (event) => {
    event.preventDefault();
    setQuery(Object.fromEntries(new FormData(event.target)));
  };
  const columns = [
    { title: t("log.at"), cell: (line) => when(line.at) },
    { title: t("log.who"), cell: (line) => line.quien },
    { title: t("log.action"), cell: (line) => line.accion + (line.outcome === "done" ? "" : ` (${line.outcome})`) },
    { title: t("log.concerned"), cell: (line) => line.about.map((each) => each.matricula ?? t("log.erased")).join(", ") },
    { title: t("log.detail"), cell: (line) => line.detail },
  ];
  return html`<${Section} title=${t("system.log")} id="log-title" actions=${html`<${Action} act=${() => download("/v1/access-log", { ...query, format: "csv" }, "access-log.csv")}>CSV<//>`}>
    <form class="filters" onSubmit=${search}>
      <${Field} label=${t("from")} name="desde" type="date" /><${Field} label=${t("until")} name="hasta" type="date" />
      <${Field} label=${t("log.who")} name="quien" /><${Field} label=${t("matricula")} name="matricula" />
      <button>${t("filter")}</button></form>
    <${Table} id="log" columns=${columns} list=${list} empty=${t("log.none")} caption=${t("system.log")} />
  <//>`;
}
