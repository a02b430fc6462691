// A secret in a link stands behind the #, which the browser sends to nobody: it is moved from the
// address into the form, and the form is sent.
export function startFragments() {
  const form = document.querySelector("form[data-from-fragment]");
  const secret = location.hash.slice(1);
  if (!form || !secret) return;
  document.getElementById(form.dataset.fromFragment).value = secret;
  history.replaceState(null, "", location.pathname);
  form.submit();
}
