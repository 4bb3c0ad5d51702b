// Hiding somebody for good, and showing him again.

import { api, byId, page, toast } from "../core.js";

byId("hide")?.addEventListener("click", async () => {
  try {
    await api(byId("hide").dataset.hidden === "true" ? "DELETE" : "PUT", `/identities/${page.identity}/hidden`);
    location.reload();
  } catch (error) {
    toast(error.message);
  }
});
