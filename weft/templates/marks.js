// Marks of the charts: what a mark says is shown at once beside the pointer, and a click leads to its row in the table.
// Without this script a mark's words are the browser's own tooltip.
(() => {
  "use strict";
  const tip = document.createElement("div");
  tip.className = "tip floating";
  tip.hidden = true;
  document.body.append(tip);
  const said = new Map();
  const byRow = new Map(); // what the first chart says of a row, for charts that show the same numbers again

  const place = (x, y) => {
    tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - tip.offsetWidth - 6))}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > innerHeight ? Math.max(6, y - tip.offsetHeight - 12) : y + 18}px`;
  };
  const hide = () => (tip.hidden = true);

  for (const title of document.querySelectorAll("main svg :is(path, circle, rect) > title")) {
    const mark = title.parentElement, row = mark.closest("[data-row]")?.dataset.row;
    said.set(mark, title.textContent);
    if (row && !byRow.has(row)) byRow.set(row, title.textContent);
    title.remove();
  }
  for (const mark of document.querySelectorAll(".strip-row .shape")) {
    const row = mark.closest("[data-row]")?.dataset.row;
    if (byRow.has(row)) said.set(mark, byRow.get(row));
  }
  for (const mark of said.keys()) {
    mark.addEventListener("pointerenter", (event) => {
      tip.textContent = said.get(mark);
      tip.hidden = false;
      place(event.clientX, event.clientY);
    });
    mark.addEventListener("pointermove", (event) => place(event.clientX, event.clientY));
    mark.addEventListener("pointerleave", hide);
  }
  addEventListener("scroll", hide, { passive: true });

  // A row that is led to must be there: the filter gives way.
  const show = (row) => {
    if (row.hidden) row.closest("section").querySelector("form.filters")?.reset();
    setTimeout(() => {
      row.scrollIntoView({ block: "center" });
      row.classList.add("led");
      setTimeout(() => row.classList.remove("led"), 2400);
    });
  };
  for (const dot of document.querySelectorAll("[data-row]")) {
    const row = document.getElementById(dot.dataset.row);
    if (!row) continue;
    dot.classList.add("leads");
    dot.addEventListener("click", () => show(row));
  }
  for (const link of document.querySelectorAll('.failures a[href^="#"]')) {
    const row = document.getElementById(link.hash.slice(1));
    if (row) link.addEventListener("click", (event) => { event.preventDefault(); show(row); });
  }
})();
