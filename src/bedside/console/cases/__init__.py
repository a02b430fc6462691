"""Cases: what somebody at a device asked help for, and who takes it on (R14)."""
