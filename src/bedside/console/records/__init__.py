"""What people may read of the journal, and take out of it."""
