// The system: what is running, who may use it, and who did what.
import { html, useState } from "../libraries/ui.js";
import { call, download, options } from "../core/api.js";
import { to } from "../core/router.js";
import { status } from "../core/server_status.js";
import { number, t, when } from "../core/words.js";
import { Action, Field, Section, Waiting, useLoaded } from "../components/basics.js";
import { JobState, jobProblem, progressWords, useJob } from "../components/jobs.js";
import { Table, useLines } from "../components/table.js";
import { Keys, Users } from "./system/accounts.js";
import { Privacy } from "./system/privacy.js";

const MACHINES = "the machine's, ";
const TABS = ["status", "privacy", "settings", "jobs", "users", "keys", "log"];

/** @param {{ title: string, path: string[] }} props */
export function System({ title, path }) {
  const shown = TABS.includes(path[0]) ? path[0] : "status";
  const tabs = TABS.filter((each) => each !== "users" || options.value.accounts);
  const part = { status: Running, settings: Settings, jobs: Jobs, users: Users, keys: Keys, log: AccessLog, privacy: Privacy }[shown];
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
    ["generation", number(found.generation)], ["timezone", `${zone(found.timezone)}, ${found.today}`], ["version", found.version],
  ];
  return html`<${Section} title=${t("system.status")} id="status-title">
    <dl id="status">${facts.map(([name, value]) => html`<div><dt>${t(`status.${name}`)}</dt><dd>${value}</dd></div>`)}</dl>
    ${found.calibration?.warning && html`<p class="wrong">${found.calibration.warning}</p>`}
    <p><a href="/docs">${t("system.api")}</a></p>
  <//>`;
}

/** The school's time zone, as the server names it. @param {string} name */
const zone = (name) => (name.startsWith(MACHINES) ? t("status.machine_zone", { zone: name.slice(MACHINES.length) }) : name);

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
