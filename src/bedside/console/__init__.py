"""The manufacturer's server: people, rights, approvals, sessions, journal."""
