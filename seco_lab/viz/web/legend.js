// What the colours mean, in one line below the panes.

import { element } from "./dom.js";

export const numberText = (v) => (Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < 0.01) ? v.toExponential(1) : v.toFixed(2));

export function chip(colour, text) {
  return element("span", { class: "se-chip" }, element("i", { style: `background:${colour}` }), text);
}

function ramp({ low, high, low_text, high_text, colours }) {
  const band = element("i", { class: "se-ramp", style: `background:linear-gradient(90deg,${colours.join(",")})` });
  return [low_text ?? numberText(low), band, high_text ?? numberText(high)];
}

const KINDS = {
  pca: () => ["The first three principal components of the embeddings as red, green and blue: alike colours are alike to the encoder."],
  none: (legend) => [legend.text ?? ""],
  classes: (legend) => legend.names.map((name, i) => chip(legend.colours[i % legend.colours.length], name)),
  scale: ramp,
};

export function legendContent(legend) {
  const content = KINDS[legend?.kind]?.(legend) ?? [];
  return legend?.note ? [...content, element("span", { class: "se-note" }, legend.note)] : content;
}
