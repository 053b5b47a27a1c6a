"use strict";
// A click, or Enter, on an entry of a legend hides or shows its marks; on the head of a table it sorts.

function act(element, action) {
  element.tabIndex = 0;
  element.addEventListener("click", () => action(element));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    action(element);
  });
}

function toggle(entry) {
  const shown = entry.getAttribute("aria-pressed") !== "true";
  entry.setAttribute("aria-pressed", shown);
  for (const mark of entry.closest("svg").querySelectorAll("[data-entry]")) {
    if (mark.dataset.entry === entry.dataset.switch) mark.classList.toggle("off", !shown);
  }
}

// A number sorts by its full value; a cell without one comes last both ways, and a column without any sorts by its text.
function sort(head) {
  const body = head.closest("table").tBodies[0];
  const cells = [...body.rows].map((row) => row.cells[head.cellIndex]);
  const numeric = cells.some((cell) => cell.dataset.value !== undefined);
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  const [known, unknown] = [[], []];
  for (const cell of cells) (numeric && cell.dataset.value === undefined ? unknown : known).push(cell);
  known.sort((a, b) => sign * (numeric
    ? a.dataset.value - b.dataset.value
    : a.textContent.localeCompare(b.textContent, "en", { numeric: true })));
  body.append(...[...known, ...unknown].map((cell) => cell.parentNode));
}

for (const entry of document.querySelectorAll("[data-switch]")) {
  entry.setAttribute("aria-pressed", "true");
  act(entry, toggle);
  const sign = entry.parentNode.previousElementSibling;
  sign.style.cursor = "pointer";
  sign.addEventListener("click", () => toggle(entry));
}
for (const head of document.querySelectorAll("thead th")) act(head, sort);
