// Label and learn: a few named places, a classifier for all others, and the place to ask about next.

import { button, download, element, refill } from "./dom.js";
import { rowsOf } from "./bits.js";

const MOST = 2000; // places labelled at once

const named = ({ name, colour }, ...more) => element("span", {}, element("i", { style: `background:${colour}` }), ` ${name}`, ...more);

export class LabelPanel {
  constructor(explorer) {
    Object.assign(this, { explorer, current: 0 });
    this.list = element("div", { class: "se-classes", role: "radiogroup", "aria-label": "Classes" });
    this.name = element("input", { type: "text", placeholder: "Name of a class", "aria-label": "Name of a new class",
      onkeydown: (e) => { if (e.key === "Enter") this.add(); e.stopPropagation(); } });
    this.said = element("p", { class: "se-said", role: "status" });
    this.next = button("Label me next ★", () => this.goNext(), { class: "se-strong" });
    this.file = element("input", { type: "file", accept: ".json", hidden: true, onchange: (e) => this.load(e.target.files[0]) });
    this.views = [["labels, learned", "Show classes"], ["labels, uncertainty", "Show uncertainty"]].map(([by, text]) => button(text, () => explorer.set("colour_by", by), { "data-by": by }));
    this.root = element("section", { class: "se-panel" },
      element("div", { class: "se-actions" }, this.name, button("Add class", () => this.add())), this.list,
      element("div", { class: "se-actions" }, this.next, this.views, button("Label the selection", () => this.labelSelection()),
        button("Save labels", () => this.save()), button("Load labels", () => this.file.click()), this.file), this.said);
  }
  get classes() { return this.explorer.get("classes") ?? []; }
  get marks() { return this.explorer.get("marks") ?? []; }
  // The place to label next, -1 for none, and while the one before it is still being learned from.
  get proposed() {
    const next = this.explorer.get("learned")?.next ?? -1;
    return this.marks.some(([row]) => row === next) ? -1 : next;
  }
  add() {
    const name = this.name.value.trim(), { classes } = this;
    if (!name) { this.say("Give the class a name first."); return; }
    if (classes.some((c) => c.name === name)) { this.say(`There is a class ${name} already.`); return; }
    this.name.value = "";
    this.current = classes.length;
    const palette = this.explorer.get("palette");
    this.explorer.change({ classes: [...classes, { name, colour: palette[classes.length % palette.length] }] });
  }
  // Buttons to label one place, for its card.
  chips(i) {
    const now = this.marks.find(([row]) => row === i)?.[1];
    return element("span", { class: "se-chips" }, this.classes.map((one, k) =>
      button(named(one), () => this.label([i], now === k ? -1 : k), { class: "se-label", "aria-pressed": String(now === k), title: `Key ${k + 1}` })));
  }
  label(rows, k) {
    if (k >= this.classes.length) return;
    const fresh = new Set(rows), kept = this.marks.filter(([row]) => !fresh.has(row));
    this.explorer.change({ marks: k < 0 ? kept : [...kept, ...rows.map((row) => [row, k])] });
  }
  labelSelection() {
    const rows = rowsOf(this.explorer.chosen, MOST + 1);
    if (!this.classes.length) this.say("Name a class first.");
    else if (!rows.length) this.say("Select some places first, with lasso or box.");
    else if (rows.length > MOST) this.say(`That is more than ${MOST.toLocaleString("en")} places: labels are meant for the few that you have looked at.`);
    else this.label(rows, Math.min(this.current, this.classes.length - 1));
  }
  choose(k) {
    const selected = this.explorer.get("selected");
    this.current = k;
    if (selected >= 0) this.label([selected], k); else this.refresh();
  }
  remove(k) {
    this.current = 0;
    this.explorer.change({ classes: this.classes.filter((_, n) => n !== k), marks: this.marks.filter(([, c]) => c !== k).map(([row, c]) => [row, c > k ? c - 1 : c]) });
  }
  // Asked for faster than it is found, the next place is gone to once it is known.
  goNext() {
    const { proposed } = this;
    if (proposed >= 0) this.explorer.select(proposed);
    else this.waits = (this.explorer.get("learned")?.next ?? -1) >= 0;
  }
  // A number on the keyboard; on the way to the next place it would mean that one, which is not there yet.
  press(k) {
    if (this.waits) this.say("One moment: the next place is still being looked for.");
    else this.label([this.explorer.get("selected")], k);
  }
  async save() {
    const answer = await this.explorer.questions.ask("save_labels");
    if (answer.buffers.length) download(answer.name, "application/json", answer.buffers);
  }
  async load(file) {
    if (!file) return;
    const { history, questions } = this.explorer, text = await file.text(), before = history.snapshot();
    const answer = await questions.ask("load_labels", { text, name: file.name });
    this.file.value = "";
    if (this.marks !== before.marks) history.remember(before);
    this.say(answer.text);
  }
  say(text) { this.said.textContent = text; }
  refresh() {
    const { classes, marks } = this, learned = this.explorer.get("learned") ?? {};
    const count = (k) => marks.filter(([, c]) => c === k).length;
    refill(this.list, ...classes.map((one, k) => element("span", { class: "se-class" },
      button(named(one, " ", element("small", {}, String(count(k)))), () => this.choose(k), { role: "radio", "aria-checked": String(k === this.current), title: `Label the clicked place; key ${k + 1}` }),
      button("×", () => this.remove(k), { class: "se-icon", "aria-label": `Remove the class ${one.name}` }))));
    this.next.disabled = !(learned.next >= 0);
    this.views.forEach((view) => {
      view.disabled = !learned.ready;
      view.setAttribute("aria-pressed", String(this.explorer.get("colour_by") === view.dataset.by));
    });
    if (this.waits) this.goNext();
    const hint = classes.length ? "Click a place, then its class (or its number on the keyboard)." : "Name two classes, label a few places of each, and the whole map answers.";
    this.say(learned.text ?? hint);
  }
}
