// Runs before the first paint: the chosen theme, or the system's. No choice is stored as no choice.
(() => {
  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const said = { auto: "Colour theme: as the system", light: "Colour theme: light", dark: "Colour theme: dark" };
  const read = () => {
    try { return localStorage.getItem("streamfold-theme") || "auto"; } catch { return "auto"; }
  };
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  };
  apply(read());
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const label = (theme) => { button.setAttribute("aria-label", said[theme]); button.title = said[theme]; };
    label(read());
    button.addEventListener("click", () => {
      const theme = order[(order.indexOf(read()) + 1) % order.length];
      try {
        if (theme === "auto") localStorage.removeItem("streamfold-theme");
        else localStorage.setItem("streamfold-theme", theme);
      } catch { /* Private windows forget; the page still turns. */ }
      apply(theme);
      label(theme);
    });
  });
})();
