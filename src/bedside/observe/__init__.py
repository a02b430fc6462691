"""How a program is seen to run: an address of its own for metrics and health, lines of log, traces."""
