// Tables: sorting by a click on a column's head, and the filter over the configurations of a suite. The filter also
// fades the marks of hidden rows in the charts of its section. Without this script every row is there, in its order.
(() => {
  "use strict";
  const words = new Intl.Collator(undefined, { numeric: true });

  // A cell without a key sorts by its text; an empty one comes last, whatever the direction.
  const compare = (one, other, column) => {
    const [a, b] = [one.cells[column], other.cells[column]];
    if (a.dataset.key === undefined && b.dataset.key === undefined) return words.compare(a.textContent, b.textContent);
    return Number(a.dataset.key) - Number(b.dataset.key);
  };
  const empty = (row, column) => row.cells[column].dataset.key === undefined && !row.cells[column].textContent.trim();

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], original = [...body.rows];
    if (original.length < 3) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim() && column) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      if (!button.textContent.trim()) button.setAttribute("aria-label", "name");
      head.append(button);
      button.addEventListener("click", () => {
        const next = { undefined: "ascending", ascending: "descending", descending: undefined }[head.getAttribute("aria-sort") ?? undefined];
        for (const other of heads) other.removeAttribute("aria-sort");
        let rows = original;
        if (next) {
          head.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          const last = original.filter((row) => empty(row, column));
          rows = [...original.filter((row) => !empty(row, column)).sort((a, b) => sign * compare(a, b, column)), ...last];
        }
        body.append(...rows);
      });
    });
  }

  for (const form of document.querySelectorAll("form.filters")) {
    const section = form.closest(".suite");
    const rows = [...form.parentElement.querySelectorAll("tbody tr")];
    const output = form.querySelector("output");
    const apply = () => {
      const wanted = new FormData(form);
      const parts = wanted.get("words").toLowerCase().split(/\s+/).filter(Boolean);
      const hidden = new Set();
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const chosen = [...wanted].every(([name, value]) => name === "words" || !value || row.dataset[name] === value);
        row.hidden = !(chosen && parts.every((part) => text.includes(part)));
        if (row.hidden) hidden.add(row.id);
      }
      for (const dot of section.querySelectorAll("[data-row]")) dot.classList.toggle("faded", hidden.has(dot.dataset.row));
      output.textContent = hidden.size ? `${rows.length - hidden.size} of ${rows.length} configurations, also in the charts` : `${rows.length} configurations`;
    };
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    apply();
  }

  for (const box of document.querySelectorAll(".toggles")) {
    const section = box.closest(".suite");
    box.hidden = false;
    box.addEventListener("change", (event) => {
      const { model } = event.target.dataset;
      for (const line of section.querySelectorAll("g.model")) if (line.dataset.model === model) line.style.display = event.target.checked ? "" : "none";
    });
  }
})();
