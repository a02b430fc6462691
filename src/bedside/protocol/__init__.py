"""What crosses a wire: messages, codec, poll and tunnel as pure machines."""
