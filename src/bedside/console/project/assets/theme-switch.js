// The switch in the page's head; its label says what it will do.
export function startTheme() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  const root = document.documentElement;
  const label = () => {
    const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", button.dataset[`label${next === "dark" ? "Dark" : "Light"}`]);
    button.title = button.getAttribute("aria-label");
    return next;
  };
  label();
  button.hidden = false;
  button.addEventListener("click", () => {
    window.bedsideTheme(label());
    label();
  });
}
