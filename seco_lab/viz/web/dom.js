// Small helpers of every part of the explorer: elements, bytes, questions to whoever holds the data.

export const DAY_MS = 86_400_000;

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

// New content for a node; what had the keyboard's focus keeps it by its place among the buttons.
export function refill(node, ...children) {
  const buttons = () => [...node.querySelectorAll("button")], focused = buttons().indexOf(document.activeElement);
  node.replaceChildren(...children);
  if (focused >= 0) (buttons()[focused] ?? node.closest(".se-root")?.querySelector(".se-pane"))?.focus({ preventScroll: true });
}

// A tip beside a pixel of a pane, and within it.
export function putBeside(tip, root, { box, width, height }, [x, y]) {
  const [frame, outer] = [box, root].map((node) => node.getBoundingClientRect()), { offsetWidth: w, offsetHeight: h } = tip;
  const inside = (value, most) => Math.max(4, Math.min(value, most - 4));
  tip.style.left = `${frame.left - outer.left + inside(x + 14, width - w)}px`;
  tip.style.top = `${frame.top - outer.top + inside(y - h - 10, height - h)}px`;
}

// Bytes of a trait as a typed array of its own.
export function numbers(view, Kind) {
  if (!view || !view.byteLength) return new Kind(0);
  return new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// Questions that are answered once, in contrast to state that stays: asked by message, matched by asker and number,
// for every view and every page hears all answers.
// Changes of state may wait for the kernel while a message goes at once. `asked` goes with the changes, and the kernel
// answers a question only once its number has come, so an answer knows all that was done before it was asked.
export class Questions {
  constructor(model, patience) {
    Object.assign(this, { model, patience, asker: Math.random().toString(36).slice(2), last: 0, open: new Map() });
    this.hear = (content, buffers) => {
      const waiting = content?.asker === this.asker && this.open.get(content.answers);
      if (!waiting) return;
      this.open.delete(content.answers);
      patience.expect(`question ${content.answers}`, false);
      waiting({ ...content, buffers: buffers ?? [] });
    };
    model.on("msg:custom", this.hear);
  }
  ask(what, details = {}) {
    const { model, asker } = this, number = ++this.last;
    return new Promise((resolve) => {
      this.open.set(number, resolve);
      this.patience.expect(`question ${number}`, true);
      model.set("asked", { ...model.get("asked"), [asker]: number });
      model.save_changes();
      try { model.send({ ask: what, asker, number, ...details }); }
      catch { this.patience.giveUp(); } // nobody is there any more: the kernel was started anew
    });
  }
  dispose() { this.model.off("msg:custom", this.hear); }
}

export function download(name, type, parts) {
  const link = element("a", { href: URL.createObjectURL(new Blob(parts, { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
