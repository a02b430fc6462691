"""Machines with systemd, set up by the words of the documentation: `make machines`."""
