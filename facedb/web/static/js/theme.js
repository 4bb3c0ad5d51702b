// Runs before the first paint, so that a page never flashes in the wrong theme. It is no module for that reason.
(() => {
  try {
    const chosen = localStorage.getItem("facedb.theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // A browser that keeps nothing shows what the system prefers.
  }
})();
