"use strict";

/** Logging in, where the server has accounts. The session is a cookie that scripts cannot read; here is only its CSRF token. */
const login = { accounts: false, setup: false, csrfToken: null };

const KINDS = {
  admin: ["administración", "admin"], teacher: ["docente", "teacher"], student: ["alumno", "student"],
  viewer: ["consulta", "viewer"], attendance: ["asistencia", "attendance"],
};

/** Find out how the server lets people in, and who is logged in; true when the page can go on. */
async function begin() {
  const options = await (await fetch("/v1/login")).json();
  Object.assign(login, options);
  if (!login.accounts) return true;
  const reply = await fetch("/v1/session");
  showWho(reply.ok ? await reply.json() : null);
  return reply.ok;
}

/** Show who is logged in; without anyone, the form. */
function showWho(who) {
  login.csrfToken = who?.csrf_token ?? null;
  element("who").hidden = !who;
  element("login").hidden = Boolean(who);
  element("try").hidden = !who || !["admin", "teacher"].includes(who.role);
  element("status").hidden = !who || who.role === "student";
  element("code-field").hidden = !login.setup;
  element("code").required = login.setup;
  element("login-password").autocomplete = login.setup ? "new-password" : "current-password";
  if (!who) {
    element("login-name").focus();
    return;
  }
  const [spanish, english] = KINDS[who.role];
  const classes = who.classes?.length ? ` · ${who.classes.join(", ")}` : "";
  element("who-name").textContent = `${who.name.replace("user:", "")} · ${spanish}${classes} `;
  element("who-kind").textContent = english;
}

/** Send a form's fields; what was wrong, in the server's words, empty when nothing was. */
async function send(path, fields) {
  const reply = await fetch(path, { method: "POST", body: JSON.stringify(fields), headers: { "Content-Type": "application/json" } });
  return reply.ok ? "" : refusal(await reply.json(), reply.headers.get("Retry-After"));
}

function refusal(problem, seconds) {
  const words = {
    wrong_password: "El nombre o la contraseña no es correcto. / The name or the password is wrong.",
    too_many_logins: `Demasiados intentos: espera ${seconds} s. / Too many attempts: wait ${seconds} s.`,
    wrong_setup_code: "Ese no es el código de este servidor. / That is not this server's code.",
    invalid_password: "La contraseña necesita de 10 a 200 caracteres. / The password needs 10 to 200 characters.",
    invalid_name: "El nombre admite letras sin acento, dígitos y . _ @ - / The name takes ASCII letters, digits and . _ @ -",
  };
  return words[problem.code] ?? `${problem.detail} [${problem.code}]`;
}

element("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = { name: element("login-name").value.trim(), password: element("login-password").value };
  element("login-refused").textContent = "";
  let wrong = login.setup ? await send("/v1/setup", { code: element("code").value, ...fields }) : "";
  wrong ||= await send("/v1/login", fields);
  element("login-refused").textContent = wrong;
  element("login-password").value = "";
  if (wrong) return;
  element("code").value = "";
  if (await begin()) showStatus();
});

element("logout").addEventListener("click", async () => {
  await fetch("/v1/logout", { method: "POST", headers: { "X-CSRF-Token": login.csrfToken } });
  location.reload(); // nothing of what was shown stays
});
