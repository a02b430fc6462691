"""The site's own say on this device: whose key is trusted, which policy applies, what it refuses."""
