"use strict";
// The charts, the switches that they share, and the sorting of tables.

const specifications = JSON.parse(document.getElementById("specifications").textContent);
const views = [];

function shownNets() {
  return [...document.querySelectorAll("button.net[aria-pressed=true]")].map((button) => button.dataset.name);
}

async function draw(name, specification) {
  const options = {
    actions: false,
    renderer: "svg",
    logLevel: 1, // errors: a switched-off layer is empty, and no warning
    bind: `#${name}-controls`,
    tooltip: { theme: "page", disableDefaultStyle: true },
  };
  const { view } = await vegaEmbed(`#${name}`, specification, options);
  views.push(view);
}

function toggle(button) {
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  for (const view of views) view.signal("nets", shownNets()).runAsync();
}

// A number sorts by its full value, a cell without one comes last both ways.
function value(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent;
  const number = Number(text);
  return text === "" ? null : Number.isNaN(number) ? text : number;
}

function compare(first, second) {
  return typeof first === "number" && typeof second === "number"
    ? first - second
    : String(first).localeCompare(String(second), "en", { numeric: true });
}

function sort(heading) {
  const table = heading.closest("table");
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const keyed = [...table.tBodies[0].rows].map((row) => [value(row, heading.cellIndex), row]);
  keyed.sort(([first], [second]) => {
    if (first === null || second === null) return (first === null) - (second === null);
    return descending ? compare(second, first) : compare(first, second);
  });
  table.tBodies[0].append(...keyed.map(([, row]) => row));
}

for (const button of document.querySelectorAll("button.net")) {
  button.addEventListener("click", () => toggle(button));
}
for (const heading of document.querySelectorAll("th")) {
  heading.querySelector("button").addEventListener("click", () => sort(heading));
}
Promise.all(Object.entries(specifications).map(([name, specification]) => draw(name, specification)))
  .then(() => document.body.setAttribute("data-drawn", ""));
