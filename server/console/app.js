// The console: who is here, the menu, and the page that the address names.
import { html, render, useEffect, useRef, useState } from "./libraries/ui.js";
import { begin, call, keepKey, me, options } from "./core/api.js";
import { INNER, pagesOf } from "./core/roles.js";
import { hold, leave, place, to } from "./core/router.js";
import { readStatus, status } from "./core/server_status.js";
import { language, speak, t } from "./core/words.js";
import { Action, Empty, Leaving, Notices, Waiting } from "./components/basics.js";
import { Login } from "./pages/login.js";
import { OwnPassword } from "./pages/own_password.js";

/** Pages are loaded once the first one is shown: a server that goes away later takes none of them along. @type {Record<string, () => Promise<any>>} */
const PAGES = {
  today: async () => (await import("./pages/today.js")).Today,
  session: async () => (await import("./pages/session.js")).Session,
  sessions: async () => (await import("./pages/sessions.js")).Sessions,
  identify: async () => (await import("./pages/identify.js")).Identify,
  students: async () => (await import("./pages/students.js")).Students,
  unknowns: async () => (await import("./pages/unknowns.js")).Unknowns,
  statistics: async () => (await import("./pages/statistics.js")).Statistics,
  record: async () => (await import("./pages/record.js")).Record,
  health: async () => (await import("./pages/health.js")).Health,
  calibration: async () => (await import("./pages/calibration.js")).Calibration,
  groups: async () => (await import("./pages/groups.js")).Groups,
  system: async () => (await import("./pages/system.js")).System,
};

/** Addresses below a page's own; a page that is not named has none. @type {Record<string, RegExp>} */
const BELOW = { session: /^\d+$/, unknowns: /^\d*$/, students: /^(new|import(\/.+)?|of\/.+)?$/, statistics: /^((class|student)\/.+)?$/, system: /^[a-z]*$/ };
const NONE = /^$/;

function App() {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [begun, setBegun] = useState(false);
  const start = () => begin().then(() => setBegun(true), setProblem);
  useEffect(() => {
    start();
  }, []);
  useEffect(() => {
    document.documentElement.lang = language.value;
  }, [language.value]);
  const in_ = me.value !== null;
  useEffect(() => {
    if (in_ && me.value?.role !== "student") readStatus().catch(() => {});
  }, [in_]);
  return html`<a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <${Header} />
    ${begun ? (in_ ? html`<${Page} />` : html`<${Login} />`) : html`<main id="main"><${Waiting} problem=${problem} again=${start} /></main>`}
    <${Leaving} />
    <${Notices} />`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault(); // the address is the page's
  document.getElementById("main")?.focus();
}

function Header() {
  const pages = pagesOf(me.value?.role ?? "").filter((each) => each in PAGES);
  const current = place.value.path[0] ?? pages[0];
  /** @type {any} */
  const menu = useRef(null);
  useEffect(() => {
    menu.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // where it is wider than a phone
  }, [current, pages.length, language.value]);
  return html`<header>
    <a class="brand" href=${to([])}><img src="/console/icon.svg" alt="" width="28" height="28" />Presente</a>
    <nav ref=${menu} aria-label=${t("menu")}>${pages.map((each) => html`<a href=${to([each])} aria-current=${each === current ? "page" : undefined}>${t(`page.${each}`)}</a>`)}</nav>
    <div class="who">
      ${me.value && html`<${Who} />`}
      ${me.value && (options.value.accounts || me.value.name.startsWith("key:")) && html`<${Action} id="logout" act=${() => leave(logOut)}>${t("logout")}<//>`}
      <button type="button" id="language" lang=${language.value === "es" ? "en" : "es"} onClick=${() => speak(language.value === "es" ? "en" : "es")}>${t("other_language")}</button>
    </div>
  </header>`;
}

/** Who is here; an account leads to its password. */
function Who() {
  const [changing, setChanging] = useState(false);
  const asks = /** @type {import("./core/api.js").Me} */ (me.value);
  if (!asks.name.startsWith("user:")) return html`<span id="who-name">${who(asks)}</span>`;
  return html`<button type="button" class="plain" id="who-name" title=${t("password.title")} onClick=${() => setChanging(true)}>${who(asks)}</button>
    ${changing && html`<${OwnPassword} close=${() => setChanging(false)} />`}`;
}

/** @param {import("./core/api.js").Me} asks */
const who = (asks) => [asks.name.replace(/^(user|key):/, ""), t(`role.${asks.role}`), ...(asks.classes ?? [])].join(" · ");

async function logOut() {
  hold(false);
  if (options.value.accounts) await call("POST", "/v1/logout");
  keepKey(null);
  location.hash = "";
  location.reload(); // nothing of what was shown stays
}

function Page() {
  const menu = pagesOf(me.value?.role ?? "").filter((each) => each in PAGES);
  const pages = menu.includes("today") ? [...menu, ...INNER] : menu;
  const name = place.value.path[0] ?? menu[0];
  const [loaded, setLoaded] = useState(/** @type {{ name: string, component: any }} */ ({ name: "", component: null }));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  useEffect(() => {
    setProblem(null);
    if (!pages.includes(name)) return;
    PAGES[name]().then((component) => {
      setLoaded({ name, component });
      pages.forEach((each) => PAGES[each]());
    }, setProblem);
  }, [name]);
  useEffect(() => {
    document.title = pages.includes(name) ? `${t(`page.${name}`)} · Presente` : "Presente";
  }, [name, language.value]);
  const Shown = loaded.name === name ? loaded.component : null; // a page never sees the address of another one
  const below = place.value.path.slice(1).join("/");
  if (!pages.includes(name) || !(BELOW[name] ?? NONE).test(below)) return html`<main id="main" tabindex="-1"><${Empty} text=${t("no_page")} /></main>`;
  return html`<main id="main" tabindex="-1" class=${`page-${name}`}>
    ${Shown ? html`<${Shown} title=${t(`page.${name}`)} path=${place.value.path.slice(1)} query=${place.value.query} />` : html`<${Waiting} problem=${problem} />`}
  </main>`;
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
