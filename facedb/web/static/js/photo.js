// The boxes of all faces over a photo.

import { api, byId, page, toast } from "./core.js";
import { boxes } from "./zoom.js";

const picture = byId("picture");
try {
  boxes(picture, picture.querySelector("img"), await api("GET", `/photos/${page.photo}`), null);
} catch (error) {
  toast(error.message);
}
