"""Settings, routes and the page frame of the console."""
