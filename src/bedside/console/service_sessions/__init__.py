"""A session from its request to its ending."""
