"""One file that a console can be brought back from, and the way back."""
