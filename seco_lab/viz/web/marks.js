// Marks over the points: rings, paths through the year, labels, the lasso while it is drawn.

import { outline } from "./hands.js";
import { positionIn } from "./layers.js";

export const INK = "#111", HALO = "#fff";

export function ring(c, at, radius, text) {
  if (!at) return;
  for (const [width, colour] of [[5, HALO], [2.2, INK]]) {
    c.beginPath(); c.arc(at[0], at[1], radius, 0, 7); c.lineWidth = width; c.strokeStyle = colour; c.stroke();
  }
  if (text) word(c, text, at[0] + radius + 3, at[1]);
}

export function word(c, text, x, y) {
  c.font = "bold 11px system-ui, sans-serif"; c.textBaseline = "middle";
  c.lineWidth = 3; c.lineJoin = "round"; c.strokeStyle = HALO; c.strokeText(text, x, y);
  c.fillStyle = INK; c.fillText(text, x, y);
}

// A diamond in the colour of a class: another shape than the points, so that colour alone carries nothing.
export function diamond(c, at, colour, text) {
  if (!at) return;
  const [x, y] = at, r = 6.5;
  c.beginPath(); c.moveTo(x, y - r); c.lineTo(x + r, y); c.lineTo(x, y + r); c.lineTo(x - r, y); c.closePath();
  c.lineWidth = 4; c.strokeStyle = HALO; c.stroke();
  c.fillStyle = colour; c.fill();
  c.lineWidth = 1.5; c.strokeStyle = INK; c.stroke();
  if (text) word(c, text, x + r + 2, y);
}

export function star(c, at) {
  if (!at) return;
  c.beginPath();
  for (let k = 0; k < 10; k++) {
    const r = k % 2 ? 4.5 : 10.5, angle = (Math.PI * k) / 5 - Math.PI / 2;
    c.lineTo(at[0] + r * Math.cos(angle), at[1] + r * Math.sin(angle));
  }
  c.closePath();
  c.lineWidth = 4; c.strokeStyle = HALO; c.stroke();
  c.fillStyle = "#f0e442"; c.fill();
  c.lineWidth = 1.5; c.strokeStyle = INK; c.stroke();
}

export function crosshair(c, pane) {
  const [x, y] = [pane.width / 2, pane.height / 2];
  c.lineWidth = 1; c.strokeStyle = INK;
  c.beginPath(); c.moveTo(x - 9, y); c.lineTo(x + 9, y); c.moveTo(x, y - 9); c.lineTo(x, y + 9); c.stroke();
}

export function lassoLine(c, drawing) {
  const corners = outline(drawing);
  if (corners.length < 2) return;
  c.beginPath();
  corners.forEach(([x, y], k) => (k ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.closePath();
  c.fillStyle = "rgba(0,114,178,.12)"; c.fill();
  c.lineWidth = 3; c.strokeStyle = HALO; c.stroke();
  c.lineWidth = 1.5; c.strokeStyle = "#0072b2"; c.setLineDash([5, 4]); c.stroke(); c.setLineDash([]);
}

// A place's way through the seasons; `now` is the season that stands out.
export function seasonPath(c, stops, now) {
  for (const [width, colour] of [[4, HALO], [1.6, INK]]) {
    c.beginPath(); c.lineWidth = width; c.strokeStyle = colour; c.lineJoin = "round";
    stops.filter(Boolean).forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.stroke();
  }
  stops.forEach((at, i) => {
    if (!at || i === now) return;
    c.beginPath(); c.arc(at[0], at[1], 7, 0, 7); c.fillStyle = HALO; c.fill(); c.lineWidth = 1.2; c.strokeStyle = INK; c.stroke();
    c.fillStyle = INK; c.font = "10px system-ui, sans-serif"; c.textAlign = "center"; c.textBaseline = "middle";
    c.fillText(i + 1, at[0], at[1] + 0.5); c.textAlign = "left";
  });
}

// The ways of many places as thin lines, each in the colour of its place: a glance tells how far seasons lie apart.
export function threads(c, pane, rows, layers, tint) {
  c.lineWidth = 1.2; c.lineJoin = "round";
  for (const i of rows) {
    if (!pane.usable(i)) continue;
    c.strokeStyle = tint ? `rgb(${tint[3 * i]},${tint[3 * i + 1]},${tint[3 * i + 2]})` : INK;
    c.beginPath();
    layers.map((layer) => positionIn(layer, i)).filter(Boolean).map((at) => pane.toPixel(...at))
      .forEach(([x, y], k) => (k ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.stroke();
  }
}
