// What every page of the console loads: htmx with server-sent events, and Tabler's behaviours.
// The order matters: the extension registers itself with the htmx that stands on the window.
import "./htmx-on-window.js";
import "htmx-ext-sse";
import "@tabler/core/dist/js/tabler.esm.min.js";
