// Tables as CSV files that a spreadsheet opens: with a byte order mark, and no cell that is a formula.

/** Where a cell may begin, whatever a spreadsheet separates cells by, and everything up to its first letter or digit. */
const PLACES = /(^|[;,|\t\r\n\v\f])([^\p{L}\p{N}_;,|\t\r\n\v\f]*)/gu;
const STARTS_FORMULA = /[=+\-@\u2212]/;

/** @param {string[]} columns @param {(string | number)[][]} rows @returns {Blob} */
export function csvOf(columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(cell).join(","));
  return new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv" });
}

/** A cell; a text that could be taken for a formula gets an apostrophe, as in the server's files. @param {string | number} value */
function cell(value) {
  const text = typeof value === "number" ? String(value) : value.replace(PLACES, defused);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** @param {string} whole @param {string} before @param {string} signs */
const defused = (whole, before, signs) => (STARTS_FORMULA.test(signs.normalize("NFKC")) ? `${before}'${signs}` : whole);
