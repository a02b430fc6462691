// What allauth's passkey script reports when the browser or the person said no: a sentence, no log.
document.addEventListener("allauth.error", (event) => {
  const place = document.getElementById("passkey-error");
  if (!place) return;
  event.preventDefault();
  place.hidden = false;
  place.focus();
});
