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

// Bytes of a trait as a typed array of its own.
export function numbers(view, Kind) {
  if (!view || !view.byteLength) return new Kind(0);
  return new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// Questions that are answered once, in contrast to state that stays: asked by message, matched by number.
// Changes of state may wait for the kernel while a message goes at once. `asked` goes with the changes, and the kernel
// answers a question only once its number has come, so an answer knows all that was done before it was asked.
export class Questions {
  constructor(model) {
    Object.assign(this, { model, open: new Map() });
    this.hear = (content, buffers) => {
      const waiting = this.open.get(content?.answers);
      if (!waiting) return;
      this.open.delete(content.answers);
      waiting({ ...content, buffers: buffers ?? [] });
    };
    model.on("msg:custom", this.hear);
  }
  ask(what, details = {}) {
    const number = (this.model.get("asked") ?? 0) + 1;
    return new Promise((resolve) => {
      this.open.set(number, resolve);
      this.model.set("asked", number);
      this.model.save_changes();
      this.model.send({ ask: what, number, ...details });
    });
  }
  dispose() { this.model.off("msg:custom", this.hear); }
}

export function download(name, type, parts) {
  const link = element("a", { href: URL.createObjectURL(new Blob(parts, { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
