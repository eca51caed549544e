// Starts the explorer in a page that carries its own data.

import { Explorer } from "./explorer.js";
import { StaticModel } from "./static_model.js";

const held = JSON.parse(document.getElementById("explorer-data").textContent);
window.explorerModel = new StaticModel(held);
const shownExplorer = new Explorer(window.explorerModel, document.getElementById("explorer"));
// For whoever scripts the page: where a place is drawn, in pixels of the map (0), the plane (1) or the melt (3).
window.explorerPixel = (pane, index) => shownExplorer.panes[pane].pixelOf(index);
