"""Who may ask for what: training, entitlements, locks, requests."""
