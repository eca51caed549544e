// What anywidget calls: shows the explorer in a cell's output.

import { element } from "./dom.js";
import { Explorer } from "./explorer.js";
import { giveEars } from "./hearing.js";

async function render({ model, el }) {
  await giveEars(model);
  try {
    const explorer = new Explorer(model, el);
    return () => explorer.dispose();
  } catch (error) {
    el.append(element("p", { class: "se-problems", role: "alert" }, `The explorer could not start: ${error.message}`));
    return () => {};
  }
}

export default { render };
