// The case at hand: what is drawn of it, whom "wrong identity" means, and the note that goes with the answer.

import { page } from "../core.js";

export const scan = Number(page.scan);

// `choosing` settles when the dialog that asks who it is has been left.
export const now = { view: null, target: null, note: null, choosing: null };
