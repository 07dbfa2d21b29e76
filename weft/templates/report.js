"use strict";
// Copying, and the timelines: zoom, pan, labels and tooltips. Every shape keeps its exact times in data-t; all other
// places are percentages of the view. Names from the traced program only ever become text nodes.
(() => {
  const ruler = document.createElement("canvas").getContext("2d"); // measures labels as they will be drawn
  ruler.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
  const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
      } catch {
        const code = button.previousElementSibling; // without clipboard access the text is selected for Ctrl+C
        getSelection().selectAllChildren(code);
        done = document.execCommand("copy");
      }
      button.textContent = done ? "Copied" : "Selected";
      setTimeout(() => (button.textContent = "Copy"), 1600);
    });
  }

  // Boxes that do not scroll need no stop on the way of the Tab key.
  for (const box of document.querySelectorAll(".scroll")) if (box.scrollWidth <= box.clientWidth) box.removeAttribute("tabindex");

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));

  const readable = (nanoseconds) => {
    const [scale, unit] = UNITS.find(([size]) => Math.abs(nanoseconds) >= size) ?? UNITS[3];
    return `${Number((nanoseconds / scale).toPrecision(4))} ${unit}`;
  };

  const draw = (tag, attributes, parent, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  };

  const timeline = (figure) => {
    const first = Number(figure.dataset.start), last = Number(figure.dataset.end);
    const steps = figure.dataset.kind === "step";
    const texts = JSON.parse(figure.querySelector("script.texts").textContent);
    const lanes = figure.querySelector(".lanes"), plot = figure.querySelector(".plot");
    const tip = figure.querySelector(".tip"), axis = plot.querySelector(".axis");
    const height = Number(plot.getAttribute("height"));
    const names = [...figure.querySelectorAll(".names div")];
    const rows = [...plot.querySelectorAll(".lane")].map((group) => ({
      group,
      shapes: [...group.querySelectorAll("rect")].map((node) => {
        const [start, end] = node.dataset.t.split(" ").map(Number);
        return { node, start, end, text: texts[node.dataset.d], state: node.classList[0] };
      }),
    }));
    const shapeOf = new Map(rows.flatMap((row) => row.shapes.map((shape) => [shape.node, shape])));
    let [from, to] = figure.dataset.view.split(" ").map(Number);
    let lane = 0, chosen = null, waiting = false;
    const least = steps ? 4 : 20;

    // The longest wording that fits: a wait by its object, a step by operation and object, or one of the two.
    const label = (shape, room) => {
      const fits = (text) => ruler.measureText(text).width <= room;
      const plain = shape.text.replace(/ \([^()]*\)$/, "");
      const [state, about] = plain.split(/: (.*)/s);
      const space = plain.indexOf(" ");
      const wordings = steps
        ? [plain, plain.replace(/, blocked$/, ""), shape.state === "other" ? "" : plain.slice(space + 1).replace(/, blocked$/, ""),
          space < 0 ? "" : plain.slice(0, space)]
        : [about, about?.replace(/^.* of /, ""), state];
      const whole = wordings.find((text) => text && fits(text));
      if (whole || room < 60) return whole ?? "";
      let text = wordings[0] || state;
      while (text.length > 4 && !fits(`${text}…`)) text = text.slice(0, -1);
      return text.length > 4 ? `${text}…` : "";
    };

    const render = () => {
      waiting = false;
      const span = to - from, width = plot.clientWidth || 800;
      for (const old of plot.querySelectorAll(".label")) old.remove();
      for (const row of rows) {
        for (const shape of row.shapes) {
          const { node, start, end, state } = shape;
          const out = end < from || start > to;
          node.style.display = out ? "none" : "";
          if (out) continue;
          const left = Math.max((start - from) / span, -0.01), right = Math.min((end - from) / span, 1.01);
          node.setAttribute("x", `${100 * left}%`);
          node.setAttribute("width", `${Math.max(100 * (right - left), 0.04)}%`);
          const x = Math.max(left, 0) * width, room = Math.min(right, 1) * width - x - 8;
          const tall = Number(node.getAttribute("height"));
          if (room < 20 || tall < 13 || state === "moment" || node.classList.contains("part")) continue;
          const text = label(shape, room);
          if (text) draw("text", { x: x + 5, y: Number(node.getAttribute("y") ?? 0) + tall / 2 + 4, class: `label ${state}` }, row.group, text);
        }
      }
      drawAxis(span, width);
      place();
    };

    const drawAxis = (span, width) => {
      axis.replaceChildren();
      const [scale, unit] = steps ? [1, ""] : UNITS.find(([size]) => span >= size) ?? UNITS[3];
      const rough = span / scale / Math.max(width / 110, 2);
      const power = 10 ** Math.floor(Math.log10(rough));
      let step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
      if (steps) step = Math.max(1, Math.round(step));
      const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
      for (let value = Math.ceil(from / scale / step) * step; value <= to / scale; value += step) {
        const x = ((value * scale - from) / span) * width;
        draw("line", { x1: x, x2: x, y1: 20, y2: height }, axis);
        const text = `${value.toFixed(digits)} ${unit}`.trim();
        if (x + text.length * 7 < width) draw("text", { x: x + 3, y: 15 }, axis, text);
      }
    };

    const later = () => {
      if (!waiting) { waiting = true; requestAnimationFrame(render); }
    };

    const look = (start, span) => {
      span = Math.min(Math.max(span, Math.min(least, last - first)), last - first);
      from = Math.min(Math.max(start, first), last - span);
      to = from + span;
      later();
    };
    const zoom = (factor, at = 0.5) => {
      const span = to - from, fixed = from + span * at;
      const wanted = Math.min(Math.max(span * factor, Math.min(least, last - first)), last - first);
      look(fixed - wanted * at, wanted);
    };
    const pan = (share) => look(from + (to - from) * share, to - from);
    const all = () => look(first, last - first);

    const describe = (shape, row) => {
      const what = `${names[row]?.title ?? ""}\n${shape.text}`;
      if (shape.state === "moment") return `${what}\nat ${readable(shape.start)}`;
      if (!steps) return `${what}\n${readable(shape.end - shape.start)}, from ${readable(shape.start)} to ${readable(shape.end)}`;
      return shape.state === "hold" ? `${what}\nfrom step ${shape.start} to ${shape.end - 1}` : `${what}\nstep ${shape.start}`;
    };
    const place = () => {
      if (!chosen) return;
      const box = chosen.node.getBoundingClientRect(), field = plot.getBoundingClientRect();
      const middle = (Math.max(box.left, field.left) + Math.min(box.right, field.right)) / 2 - field.left;
      tip.style.left = `${Math.max(4, Math.min(middle - tip.offsetWidth / 2, field.width - tip.offsetWidth - 4))}px`;
      const below = box.bottom - field.top + 6;
      tip.style.top = `${below + tip.offsetHeight > field.height ? Math.max(box.top - field.top - tip.offsetHeight - 6, 0) : below}px`;
    };
    const choose = (shape, row) => {
      if (chosen) chosen.node.classList.remove("chosen");
      chosen = shape;
      tip.hidden = !shape;
      if (!shape) return;
      shape.node.classList.add("chosen");
      tip.textContent = describe(shape, row);
      place();
    };
    const select = (index) => {
      lane = Math.min(Math.max(index, 0), rows.length - 1);
      names.forEach((name, each) => name.classList.toggle("chosen", each === lane));
    };
    const walk = (direction) => {
      const shapes = rows[lane].shapes.filter((shape) => shape.state !== "hold").sort((a, b) => a.start - b.start);
      if (!shapes.length) return;
      let at = shapes.indexOf(chosen);
      if (at < 0) at = direction > 0 ? shapes.findIndex((shape) => shape.end > from) - 1 : shapes.length;
      const shape = shapes[Math.min(Math.max(at + direction, 0), shapes.length - 1)];
      if (shape.end <= from || shape.start >= to) look(shape.start - (to - from) / 3, to - from);
      render();
      choose(shape, lane);
    };

    const rowOf = (node) => rows.findIndex((row) => row.group === node.parentNode);
    plot.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && !lanes.contains(document.activeElement)) return;
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan(event.deltaX / plot.clientWidth);
      const box = plot.getBoundingClientRect();
      zoom(Math.exp(event.deltaY * (event.deltaMode ? 0.05 : 0.002)), (event.clientX - box.left) / box.width);
    }, { passive: false });

    const pointers = new Map();
    let apart = 0;
    plot.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event.clientX);
      plot.setPointerCapture(event.pointerId);
      plot.classList.add("dragging");
      const target = document.elementFromPoint(event.clientX, event.clientY);
      if (shapeOf.has(target)) { select(rowOf(target)); choose(shapeOf.get(target), lane); }
    });
    plot.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) {
        const shape = shapeOf.get(event.target);
        if (shape !== chosen) choose(shape ?? null, shape ? rowOf(event.target) : 0);
        return;
      }
      const before = pointers.get(event.pointerId);
      pointers.set(event.pointerId, event.clientX);
      if (pointers.size === 1) return pan((before - event.clientX) / plot.clientWidth);
      const [one, other] = pointers.values();
      const now = Math.abs(one - other);
      if (apart && now) zoom(apart / now, ((one + other) / 2 - plot.getBoundingClientRect().left) / plot.clientWidth);
      apart = now;
    });
    const lift = (event) => {
      pointers.delete(event.pointerId);
      apart = 0;
      if (!pointers.size) plot.classList.remove("dragging");
    };
    plot.addEventListener("pointerup", lift);
    plot.addEventListener("pointercancel", lift);
    plot.addEventListener("pointerleave", () => { if (!pointers.size) choose(null, 0); });

    const keys = {
      "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), "_": () => zoom(1 / 0.6), "0": all,
      ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15),
      ArrowUp: () => { select(lane - 1); choose(null, 0); }, ArrowDown: () => { select(lane + 1); choose(null, 0); },
      Home: () => look(first, to - from), End: () => look(last, to - from),
      ",": () => walk(-1), ".": () => walk(1), Escape: () => choose(null, 0),
    };
    lanes.addEventListener("keydown", (event) => {
      const action = keys[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    });
    lanes.addEventListener("focus", () => { if (lanes.matches(":focus-visible")) select(lane); });
    lanes.addEventListener("blur", () => { names.forEach((name) => name.classList.remove("chosen")); choose(null, 0); });

    figure.querySelector(".tools").hidden = false;
    const buttons = { in: () => zoom(0.6), out: () => zoom(1 / 0.6), all };
    for (const button of figure.querySelectorAll(".tools button")) button.addEventListener("click", buttons[button.dataset.do]);
    new ResizeObserver(later).observe(plot);
    render();
  };

  document.querySelectorAll(".timeline").forEach(timeline);
})();
