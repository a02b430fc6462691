"""What runs on the device: polls out, asks the operator, serves SSH on the tunnel it dialled."""
