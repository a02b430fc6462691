// Runs before the page is drawn, so that nothing flashes: the theme chosen by hand, else the system's.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("bedside-theme");
    } catch {
      return null; // storage may be forbidden: the system's theme then holds
    }
  };
  const apply = () => {
    root.dataset.bsTheme = chosen() ?? (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
  window.bedsideTheme = (theme) => {
    try {
      localStorage.setItem("bedside-theme", theme);
    } catch {
      // forbidden storage: the choice lasts as long as the page
    }
    root.dataset.bsTheme = theme;
  };
})();
