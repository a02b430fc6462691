"""Views: each asks a door first, then shows what came through it."""
