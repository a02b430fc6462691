"""Alarms on silence (S61): who should poll and does not, told once to whom it concerns."""
