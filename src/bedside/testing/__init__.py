"""The kit: playbook, memory transports, fake clock, simulators."""
