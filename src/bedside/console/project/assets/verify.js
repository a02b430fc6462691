// "Verify this page": the reader's own browser hashes each entry and climbs to the signed root
// (RFC 9162, 2.1.3.2), so that the page need not be believed.
const SUBTLE = globalThis.crypto?.subtle;

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await SUBTLE.digest("SHA-256", whole));
}

export const leafHash = (line) => sha256(Uint8Array.of(0), line);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

// Returns whether `proof` leads from the leaf to `root`. Sizes stay below 2^53, so that halving by
// division is exact where the 32-bit operators would not be.
export async function isIncluded(leaf, index, size, proof, root) {
  if (index >= size) return false;
  let position = index;
  let last = size - 1;
  let result = leaf;
  for (const step of proof) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      result = await nodeHash(step, result);
      while (position && position % 2 === 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      result = await nodeHash(result, step);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && hex(result) === hex(root);
}

// Returns whether the checkpoint is signed by the key: true, false, or null where this browser
// has no Ed25519.
async function isSigned(note, key) {
  const gap = note.lastIndexOf("\n\n");
  const text = new TextEncoder().encode(note.slice(0, gap + 1));
  // name+hash+base64, and base64 has plus signs of its own
  const [, name, encoded] = key.match(/^([^+]+)\+[0-9a-f]+\+(.+)$/);
  const line = note.slice(gap + 2).split("\n").find((each) => each.startsWith(`— ${name} `));
  if (!line) return false;
  const signature = bytes(line.slice(name.length + 3)).slice(4);
  try {
    const publicKey = await SUBTLE.importKey("raw", bytes(encoded).slice(1), "Ed25519", false, ["verify"]);
    return await SUBTLE.verify("Ed25519", publicKey, signature, text);
  } catch (error) {
    if (error.name === "NotSupportedError") return null;
    throw error;
  }
}

async function judge(entry, size, root) {
  const proof = entry.proof.map(unhex);
  const leaf = entry.line ? await leafHash(bytes(entry.line)) : unhex(entry.leaf);
  const holds = hex(leaf) === entry.leaf && (await isIncluded(leaf, entry.sequence, size, proof, root));
  if (!holds) return "bad";
  return entry.line ? "good" : "place";
}

function mark(row, verdict, words) {
  const place = row.querySelector("[data-verdict]");
  if (!place) return;
  place.dataset.verdict = verdict;
  place.textContent = words[verdict];
}

async function verify(button, report) {
  const rows = new Map(
    Array.from(document.querySelectorAll("[data-entry]"), (row) => [row.dataset.entry, row]),
  );
  const query = new URLSearchParams(Array.from(rows.keys(), (id) => ["entry", id]));
  const answer = await fetch(`${button.dataset.proofs}?${query}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const proofs = await answer.json();
  const [, size, rootText] = proofs.checkpoint.split("\n");
  const root = bytes(rootText);
  const count = { good: 0, place: 0, bad: 0, waiting: rows.size - proofs.entries.length };
  for (const row of rows.values()) mark(row, "waiting", report.dataset);
  for (const entry of proofs.entries) {
    const verdict = await judge(entry, Number(size), root);
    count[verdict] += 1;
    mark(rows.get(String(entry.id)), verdict, report.dataset);
  }
  const signed = await isSigned(proofs.checkpoint, proofs.key);
  const bad = count.bad > 0 || signed === false;
  report.dataset.result = bad ? "bad" : "good";
  const sentence = report.dataset[bad ? "resultBad" : "resultGood"];
  const signature = report.dataset[signed === null ? "unsigned" : signed ? "signed" : "forged"];
  const counted = sentence
    .replace("{good}", count.good)
    .replace("{place}", count.place)
    .replace("{bad}", count.bad)
    .replace("{waiting}", count.waiting)
    .replace("{size}", size);
  report.textContent = `${counted} ${signature}`;
}

export function startVerification() {
  const button = document.querySelector("[data-proofs]");
  if (!button || !SUBTLE) return;
  const report = document.getElementById("verification");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    report.hidden = false;
    report.dataset.result = "working";
    report.textContent = report.dataset.working;
    try {
      await verify(button, report);
    } catch {
      report.dataset.result = "bad";
      report.textContent = report.dataset.failed;
    } finally {
      button.disabled = false;
      button.focus();
    }
  });
}
