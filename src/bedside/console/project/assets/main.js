// What every page of the console loads: htmx, then the small behaviours of our own.
// Each page works without them; they save a reload or a click.
import "./htmx-on-window.js";
import "./passkeys.js";
import { startApproval } from "./approval.js";
import { startCommands } from "./commands.js";
import { startConditions } from "./conditions.js";
import { startFragments } from "./fragments.js";
import { startLive } from "./live.js";
import { startTheme } from "./theme-switch.js";
import { startTimes } from "./times.js";
import { startVerification } from "./verify.js";

document.addEventListener("DOMContentLoaded", () => {
  startTheme();
  startTimes();
  startCommands();
  startConditions();
  startFragments();
  startLive();
  startVerification();
  startApproval();
});
