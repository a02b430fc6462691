"""Answers device polls, pairs tunnels, and splices bytes it cannot read."""
