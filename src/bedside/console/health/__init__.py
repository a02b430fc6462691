"""How the console runs, for whoever keeps it running: processes, readiness, metrics, status."""
