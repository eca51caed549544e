// What mouse, fingers and keys do in a pane: move, zoom, hover, choose, draw a box or a lasso.
// Shift while dragging draws a lasso whatever the tool; Ctrl or Cmd adds to the selection, Alt takes away.

const STILL_PX = 4; // a press that travels less is a click

export function listenToHands(pane) {
  const { box } = pane, pointers = new Map();
  let travelled = 0;
  const local = (e) => { const r = box.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
  box.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    const at = local(e);
    pointers.set(e.pointerId, at);
    if (pointers.size === 1) {
      travelled = 0;
      const tool = e.shiftKey ? "lasso" : pane.tool;
      pane.drawing = tool === "pan" ? null : { tool, corners: [at] };
    } else pane.drawing = null;
    box.setPointerCapture(e.pointerId);
  });
  box.addEventListener("pointermove", (e) => {
    if (!e.buttons) forget(e); // let go where nobody could see it, as behind a dialog
    const now = local(e), before = pointers.get(e.pointerId);
    if (!before) { pane.on.hover(pane.under(...now)); return; }
    const others = [...pointers].filter(([id]) => id !== e.pointerId);
    pointers.set(e.pointerId, now);
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (others.length) pinch(pane, others[0][1], before, now);
    else if (pane.drawing) draw(pane, now);
    else if (travelled > STILL_PX) pane.moveBy(before[0] - now[0], before[1] - now[1]);
  });
  // What was being drawn; undefined where the pointer was not down.
  const forget = (e) => {
    if (!pointers.delete(e.pointerId)) return undefined;
    const { drawing } = pane;
    pane.drawing = null;
    if (drawing) pane.drawMarks();
    return drawing;
  };
  const release = (e) => {
    const drawing = forget(e);
    if (drawing === undefined) return;
    if (travelled <= STILL_PX) { const i = pane.under(...local(e)); if (i >= 0) pane.on.click(i, e); }
    else if (drawing) pane.on.area(outline(drawing).map((at) => pane.toUnit(...at)), wayOf(e));
  };
  box.addEventListener("pointerup", release);
  box.addEventListener("pointercancel", forget);
  box.addEventListener("pointerleave", () => pane.on.hover(-1));
  box.addEventListener("wheel", (e) => {
    e.preventDefault();
    pane.zoomAt(...local(e), Math.exp(-Math.sign(e.deltaY) * Math.min(60, Math.abs(e.deltaY)) * 0.006));
  }, { passive: false });
  box.addEventListener("dblclick", (e) => pane.zoomAt(...local(e), 2));
  box.addEventListener("focus", () => { pane.crosshair = box.matches(":focus-visible"); pane.drawMarks(); });
  box.addEventListener("blur", () => { pane.crosshair = false; pane.drawMarks(); });
  box.addEventListener("keydown", (e) => {
    if (!e.ctrlKey && !e.metaKey && pressed(pane, e)) { e.preventDefault(); e.stopPropagation(); }
  });
}

const wayOf = (e) => (e.ctrlKey || e.metaKey ? "add" : e.altKey ? "take" : "replace");

function pinch(pane, other, before, now) {
  const far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
  pane.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, far(now) / far(before));
}

function draw(pane, now) {
  const { tool, corners } = pane.drawing, last = corners[corners.length - 1];
  if (tool === "box") corners[1] = now;
  else if (Math.hypot(now[0] - last[0], now[1] - last[1]) > 2) corners.push(now);
  pane.drawMarks();
}

export function outline({ tool, corners }) {
  if (tool !== "box" || corners.length < 2) return corners;
  const [[x0, y0], [x1, y1]] = corners;
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

function pressed(pane, event) {
  const name = event.key, middle = [pane.width / 2, pane.height / 2];
  const move = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] }[name];
  pane.crosshair = true;
  if (move) pane.moveBy(...move);
  else if (name === "+" || name === "=") pane.zoomAt(...middle, 1.5);
  else if (name === "-") pane.zoomAt(...middle, 1 / 1.5);
  else if (name === "0") pane.fit();
  else if (name === ",") pane.on.step(-1);
  else if (name === ".") pane.on.step(1);
  else if (name === "Enter" || name === " ") { const i = pane.under(...middle, 1e4); if (i >= 0) pane.on.click(i, event); }
  else return false;
  return true;
}
