"""What goes to the devices through relays, and what the relays tell."""
