(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("vedette.theme");
  } catch {
    // Storage may be closed to us; the system's theme is then used.
  }
  const dark =
    chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
