"""Certificate names, TLS contexts, and the authority (console only)."""
