// Tables of classes sort by a click on the head of a column, and the other way round by the next one.

const byText = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return byText(String(a), String(b));
}

function valueOf(cell) {
  const number = cell.querySelector("data");
  if (number) return Number(number.value);
  return cell.textContent === "–" ? null : cell.textContent;
}

function sort(table, heads, column) {
  const order = heads[column].getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // what is missing comes last, either way
    return order === "ascending" ? compare(a, b) : compare(b, a);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", order);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}
