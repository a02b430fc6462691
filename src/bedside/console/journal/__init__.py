"""What happened: rows, the sealed log and its checkpoints."""
