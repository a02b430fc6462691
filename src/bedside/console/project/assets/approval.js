// A passkey signs the digest of one request: the same bytes that the device will verify.
export function startApproval() {
  const form = document.getElementById("approval");
  if (!form) return;
  const asked = JSON.parse(document.getElementById("to-sign").textContent);
  const complaint = document.getElementById("approval-error");
  form.addEventListener("submit", async (event) => {
    if (form.elements.assertion.value) return;
    event.preventDefault();
    complaint.hidden = true;
    try {
      const credential = await navigator.credentials.get({ publicKey: options(asked) });
      form.elements.assertion.value = JSON.stringify(assertion(credential, asked.approver));
      form.submit();
    } catch {
      // The browser or the person said no: nothing was signed, and the page says so.
      complaint.hidden = false;
      complaint.focus();
    }
  });
}

function options(asked) {
  return {
    challenge: bytes(asked.challenge),
    rpId: asked.rp_id,
    userVerification: "required",
    allowCredentials: asked.credentials.map((id) => ({ type: "public-key", id: bytes(id) })),
  };
}

function assertion(credential, approver) {
  const { authenticatorData, clientDataJSON, signature } = credential.response;
  return {
    approver,
    credential: credential.id,
    authenticator_data: base64(authenticatorData),
    client_data: base64(clientDataJSON),
    signature: base64(signature),
  };
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (each) => each.charCodeAt(0));
}

function base64(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}
