"""A fleet that is not there: simulated devices, for whoever runs relays."""
