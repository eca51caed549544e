// Undo and redo of what the user has made: selection, filters, examples, labels, pins.

const UNDONE = ["chosen", "filters", "classes", "marks", "liked", "disliked", "pins"];
const STEPS = 100;

export class History {
  constructor(model, changed) { Object.assign(this, { model, changed, past: [], future: [] }); }
  snapshot() { return Object.fromEntries(UNDONE.map((name) => [name, this.model.get(name)])); }
  // Called before a change; values of the model are replaced, never altered, so keeping them is enough.
  remember(before = this.snapshot()) {
    this.past.push(before);
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
    this.changed();
  }
  undo() { this.move(this.past, this.future); }
  redo() { this.move(this.future, this.past); }
  move(from, to) {
    if (!from.length) return;
    to.push(this.snapshot());
    for (const [name, value] of Object.entries(from.pop())) this.model.set(name, value);
    this.model.save_changes();
    this.changed();
  }
}
