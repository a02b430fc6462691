"""A site's portal through the REST API: its say, requests that wait for it, what it was told."""
