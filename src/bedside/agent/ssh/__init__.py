"""What serves SSH on a stream that the device dialled itself: no socket listens (N2)."""
