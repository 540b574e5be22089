"use strict";

// A click on a heading sorts its table; the second click the other way round. Rows without a figure stay last.
function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const figure = parseFloat(text.replace(/^[<[]/, ""));
  return { text, figure };
}

function compare(a, b, isFigure, sign) {
  if (!isFigure) return sign * a.text.localeCompare(b.text, "en", { numeric: true });
  if (isNaN(a.figure) || isNaN(b.figure)) return isNaN(a.figure) - isNaN(b.figure);
  return sign * (a.figure - b.figure);
}

function sort(heading) {
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const isFigure = heading.classList.contains("figure");
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const rows = Array.from(body.rows, (row) => ({ row, key: key(row, column) }));
  rows.sort((a, b) => compare(a.key, b.key, isFigure, sign));
  body.append(...rows.map(({ row }) => row));
}

// The buttons are made here, so that there are none where there are no scripts.
for (const heading of document.querySelectorAll("thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = "sort";
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sort(heading));
  heading.append(button);
}

// Paper shows everything.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
