"""What a site says of its own devices: its policy, its windows, and the glass that it breaks."""
