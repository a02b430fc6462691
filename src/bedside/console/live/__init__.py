"""The two processes that wait: `live` (feed, reports, events) and `worker` (sealing, clocks)."""
