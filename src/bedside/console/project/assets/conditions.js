// Recovery codes are shown once: leaving is possible when the person says that they are kept.
export function startConditions() {
  for (const box of document.querySelectorAll("[data-enables]")) {
    const target = document.getElementById(box.dataset.enables);
    const apply = () => {
      target.toggleAttribute("aria-disabled", !box.checked);
      target.classList.toggle("disabled", !box.checked);
    };
    target.addEventListener("click", (event) => {
      if (!box.checked) event.preventDefault();
    });
    box.addEventListener("change", apply);
    apply();
  }
}
