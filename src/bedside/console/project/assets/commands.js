// A command to copy: the button says when it is done, to eyes and to screen readers.
export function startCommands() {
  document.body.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent;
    const label = button.querySelector("[data-label]");
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(text);
      label.textContent = button.dataset.done;
    } catch {
      // No clipboard here: the text is selected, so that one key press copies it.
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      label.textContent = button.dataset.selected;
    }
    setTimeout(() => {
      label.textContent = before;
    }, 3000);
  });
}
