"""The outbox: e-mail and webhooks that leave after the change that they tell of is committed."""
