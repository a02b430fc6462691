"""What all REST routes share: problems, keyset cursors, and who is asking."""
