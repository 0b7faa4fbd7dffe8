"use strict";

const element = (id) => document.getElementById(id);
const SAMPLES = [
  ["group_02.jpg", "Un grupo", "A group"],
  ["phone_class.jpg", "Una clase entera, con un teléfono", "A whole class, by phone"],
  ["close_up.jpg", "De muy cerca", "A close-up"],
];
const COLOURS = { known: "#22a06b", unknown: "#d9483f", ambiguous: "#d39b16", duplicate: "#7a6ff0" };

/** A child with text; text is always set as text, never as markup. */
function add(parent, tag, text, className = "") {
  const child = document.createElement(tag);
  child.textContent = text;
  child.className = className;
  parent.append(child);
  return child;
}

/** A face's name in a few words; a second picture of a person says of whom. */
function shortName(face) {
  const name = face.decision === "duplicate" ? face.candidates[0].nombre_del_alumno : face.nombre;
  return (face.decision === "duplicate" ? "= " : "") + name.split(" ")[0];
}

/** A face's whole name. */
function wholeName(face) {
  if (face.decision !== "duplicate") return face.nombre;
  return `Otra cara de / Another face of ${face.candidates[0].nombre_del_alumno}`;
}

/** fetch with the key, if one was given. A server that wants one has the field for it shown; it is kept for this tab. */
async function ask(path, options = {}) {
  const key = sessionStorage.getItem("key");
  const headers = { ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (login.csrfToken) headers["X-CSRF-Token"] = login.csrfToken;
  const reply = await fetch(path, { ...options, headers });
  if (reply.status === 401 && login.accounts) {
    showWho(null); // the session has ended
    return reply;
  }
  if (reply.status === 401) {
    sessionStorage.removeItem("key");
    element("refused").textContent = key ? "Esa clave no es de este servidor. / That key is none of this server's." : "";
  }
  element("access").hidden = reply.status !== 401;
  return reply;
}

async function showStatus() {
  const reply = await ask("/v1/status");
  const list = element("status");
  list.hidden = reply.status === 401 || reply.status === 403;
  if (list.hidden) {
    if (!login.accounts) element("key").focus();
    return;
  }
  if (!reply.ok) {
    list.querySelector("dd").textContent = "cargando… / loading…";
    setTimeout(showStatus, 1000);
    return;
  }
  const status = await reply.json();
  list.replaceChildren();
  const entries = [
    ["Personas", "People", status.subjects], ["Plantillas", "Templates", status.templates],
    ["Modelo", "Pack", status.pack], ["Umbral", "Threshold", `${status.threshold} (${status.threshold_source})`],
    ["Índice", "Index", `${status.index_kind}, ${status.dim}-d`], ["Generación", "Generation", status.generation],
  ];
  for (const [spanish, english, value] of entries) {
    const entry = add(list, "div", "");
    const term = add(entry, "dt", `${spanish} `);
    add(term, "span", english).lang = "en";
    add(entry, "dd", String(value));
  }
  if (status.pack === "sample") offerSamples();
}

/** Photos to try, where the sample pack runs, which recognises drawings. */
function offerSamples() {
  const offered = element("samples");
  if (!offered.hidden) return;
  for (const [name, spanish, english] of SAMPLES) {
    const button = add(offered, "button", "");
    button.type = "button";
    const picture = add(button, "img", "");
    picture.src = `/page/sample/${name}`;
    picture.alt = "";
    add(button, "span", `${spanish} `);
    add(button, "span", english).lang = "en";
    button.addEventListener("click", async () => {
      say("Buscando… / Searching…");
      try {
        const reply = await fetch(picture.src);
        await identify(await reply.blob());
      } catch (error) {
        say(`El servidor no responde. / The server does not answer. (${error.message})`, true);
      }
    });
  }
  offered.hidden = false;
}

function say(text, isError = false) {
  element("message").textContent = text;
  element("message").className = isError ? "error" : "";
}

async function identify(file) {
  say("Buscando… / Searching…");
  let reply;
  try {
    reply = await ask("/v1/identify?k=3", { method: "POST", body: file,
      headers: { "Content-Type": file.type || "application/octet-stream" } });
  } catch (error) {
    say(`El servidor no responde. / The server does not answer. (${error.message})`, true);
    return;
  }
  const body = await reply.json();
  if (!reply.ok) {
    element("result").hidden = true;
    say(`${body.detail} [${body.code}]`, true);
    return;
  }
  const count = body.faces.length;
  say(`${count} ${count === 1 ? "cara" : "caras"} / ${count === 1 ? "face" : "faces"}, ${body.timings_ms.total} ms`);
  element("picture").hidden = !(await draw(file, body.faces));
  list(body.faces);
  element("result").hidden = false;
}

/** Draw the photo and its faces; false when the browser does not show photos of its kind (HEIC, TIFF). */
async function draw(file, faces) {
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    element("message").textContent += " · Este navegador no muestra este tipo de foto. / This browser does not show photos of this kind.";
    return false;
  }
  const canvas = element("picture");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const size = Math.max(13, Math.round(Math.max(picture.width, picture.height) / 55));
  pen.lineWidth = Math.max(2, size / 7);
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "bottom";
  faces.forEach((face, index) => {
    const [x1, y1, x2, y2] = face.box;
    const label = `${index + 1} ${shortName(face)}`; // the table has whole names, which would overlap here
    pen.strokeStyle = pen.fillStyle = COLOURS[face.decision];
    pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    const width = pen.measureText(label).width + size * 0.6;
    const left = Math.max(0, Math.min((x1 + x2 - width) / 2, canvas.width - width));
    const bottom = Math.min(y2 + size * 1.45, canvas.height);
    pen.fillRect(left, bottom - size * 1.35, width, size * 1.35);
    pen.fillStyle = "#fff";
    pen.fillText(label, left + size * 0.3, bottom - size * 0.1);
  });
  return true;
}

function list(faces) {
  const body = element("faces");
  body.replaceChildren();
  faces.forEach((face, index) => {
    const row = add(body, "tr", "");
    add(row, "td", String(index + 1));
    add(row, "td", wholeName(face), face.decision);
    add(row, "td", face.matricula ?? "–");
    add(row, "td", face.score === null ? "–" : face.score.toFixed(3));
    add(row, "td", face.candidates.map((c) => `${c.nombre_del_alumno} ${c.score.toFixed(2)}`).join(" · "));
  });
}

element("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", element("key").value.trim());
  element("key").value = "";
  showStatus();
});
element("photo").addEventListener("change", (event) => {
  if (event.target.files.length) identify(event.target.files[0]);
});
const drop = element("drop");
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) identify(event.dataTransfer.files[0]);
  });
}
