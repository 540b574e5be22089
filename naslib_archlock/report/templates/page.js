"use strict";

// A table of more rows than this has a field to filter them by.
const LONG = 15;
const HINT = "Point at a mark, or tap it, to see what it is.";

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
  button.title = "sort by this column";
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sort(heading));
  heading.append(button);
}

// Rows that do not hold all words of the field are hidden.
function filter(table, text) {
  const words = text.toLowerCase().split(/\s+/);
  for (const row of table.tBodies[0].rows) {
    const cells = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => cells.includes(word));
  }
}

for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length <= LONG) continue;
  const label = document.createElement("label");
  const field = document.createElement("input");
  label.className = "filter";
  field.type = "search";
  field.addEventListener("input", () => filter(table, field.value.trim()));
  label.append("Show rows with: ", field);
  table.parentElement.before(label);
}

// The point of a chart that is nearest to the pointer or to a tap says what it is, below the chart. Of two points in
// one place, it is the one on top, which was drawn later.
function nearest(chart, event) {
  let found = null;
  let least = 24;
  for (const mark of chart.querySelectorAll(".mark")) {
    const box = mark.getBoundingClientRect();
    const across = box.left + box.width / 2 - event.clientX;
    const along = box.top + box.height / 2 - event.clientY;
    const distance = Math.hypot(across, along);
    if (distance <= Math.min(24, least + 1)) {
      least = Math.min(least, distance);
      found = mark;
    }
  }
  return found;
}

for (const chart of document.querySelectorAll(".chart")) {
  const drawing = chart.querySelector("svg");
  const tip = chart.querySelector(".tip");
  const show = (event) => {
    const mark = nearest(drawing, event);
    for (const other of drawing.querySelectorAll(".near")) other.classList.remove("near");
    if (mark) mark.classList.add("near");
    tip.textContent = mark ? mark.querySelector("title").textContent : HINT;
  };
  tip.textContent = HINT;
  drawing.addEventListener("pointermove", show);
  drawing.addEventListener("click", show);
}

// Paper shows everything.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
