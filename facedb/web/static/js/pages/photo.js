// The boxes of all faces over a photo.

import { api, byId, page, t, toast } from "../core.js";
import { boxes, photoOf } from "../zoom.js";

const picture = byId("picture");
try {
  const undo = async () => {
    await api("POST", "/undo").catch((error) => toast(error.message));
    location.reload();
  };
  boxes(picture, await photoOf(Number(page.photo)), null, () => toast(t("face.taken_now"), [[t("undo"), undo]], 0));
} catch (error) {
  toast(error.message);
}
