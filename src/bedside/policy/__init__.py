"""May this person do this on this device now: decided from facts alone."""
