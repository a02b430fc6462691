"""People as those who answer for them see them: training, review of rights, closing and leaving."""
