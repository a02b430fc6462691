"""Journal entries, chain, tiles and checkpoints, and the offline verifier."""
