// A sheet and its photos, as they were chosen: by file, folder, drop or .zip; and how they are sent.
import { call, word } from "../../core/api.js";

/** @typedef {{ path: string, file: File }} Chosen */

const SHEET = /\.(csv|tsv|xlsx|xlsm)$/i;
const ZIP = /\.zip$/i;

/** What was uploaded in this tab, by import: a sheet whose columns were guessed wrongly is sent once more. @type {Map<string, Chosen[]>} */
export const uploaded = new Map();

/** @param {Chosen} each */
export const isSheet = (each) => SHEET.test(each.path);
/** @param {Chosen} each */
export const isZip = (each) => ZIP.test(each.path);

/** @param {Iterable<File>} files @returns {Chosen[]} */
export const chosenFiles = (files) => [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(visible);

/** What was dropped, folders included. @param {DataTransfer} dropped @returns {Promise<Chosen[]>} */
export async function droppedFiles(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter((each) => each !== null && each !== undefined);
  if (!entries.length) return chosenFiles(dropped.files);
  return (await Promise.all(entries.map((entry) => below(entry, "")))).flat().filter(visible);
}

/** What systems leave beside photos is no one's photo. @param {Chosen} each */
const visible = (each) => !each.path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

/** @param {any} entry a file or folder of the browser's @param {string} folder @returns {Promise<Chosen[]>} */
async function below(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) return [{ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    /** @type {any[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most a hundred at once
    if (!some.length) return (await Promise.all(found.map((each) => below(each, `${path}/`)))).flat();
    found.push(...some);
  }
}

/**
 * Upload a sheet with its photos; no one is enrolled yet.
 * @param {Chosen[]} chosen @param {Record<string, string>} [columns] field to column; the others are guessed
 * @returns {Promise<any>} the import
 */
export async function upload(chosen, columns = {}) {
  const query = { columns: Object.entries(columns).map(([field, column]) => quoted(`${field}=${column}`)).join(",") };
  const zip = chosen.length === 1 && isZip(chosen[0]) ? chosen[0].file : null;
  const form = new FormData();
  if (!zip) for (const { path, file } of chosen) form.append("file", file, path);
  const sent = zip ? { body: zip, type: "application/zip" } : { body: form };
  const made = await call("POST", "/v1/imports", { ...sent, query, once: word() });
  uploaded.set(made.id, chosen);
  return made;
}

/** @param {string} pair */
const quoted = (pair) => (/[",]/.test(pair) ? `"${pair.replace(/"/g, '""')}"` : pair);
