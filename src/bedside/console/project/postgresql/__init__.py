"""Django's PostgreSQL with one writer at a time: see `base`; its address in a file: see `address`."""
