// While answers of the kernel are awaited: says after a moment that it is at work, and after a while that it is silent,
// and takes either back once everything is answered.

import { element } from "./dom.js";

const WORK_MS = 700, SILENT_MS = 15_000;
const SILENT = "No answer from the kernel: it is busy with another cell, or it was started anew and this cell must be run again.";

export class Patience {
  // note(text, isShown): shows a sentence under the widget, or takes it away
  constructor(note) {
    Object.assign(this, { note, missing: new Set(), timers: [] });
    this.root = element("span", { class: "se-fill se-note", role: "status" });
  }
  expect(what, isMissing) {
    if (this.missing.has(what) === isMissing) return;
    if (isMissing) this.missing.add(what); else this.missing.delete(what);
    // Whoever answers anything is not silent, whatever else there is to wait for.
    if (!isMissing || this.missing.size === 1) this.start();
  }
  start() {
    this.dispose();
    this.tell("");
    if (this.missing.size) this.timers = [["at work", WORK_MS], ["silent", SILENT_MS]].map(([word, ms]) => setTimeout(() => this.tell(word), ms));
  }
  giveUp() { this.dispose(); this.tell("silent"); }
  tell(word) {
    this.root.textContent = word === "at work" ? "The kernel is at work ..." : "";
    this.note(SILENT, word === "silent");
  }
  dispose() { this.timers.splice(0).forEach(clearTimeout); }
}
