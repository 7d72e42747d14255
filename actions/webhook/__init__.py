"""Webhooks: others are told to mend something."""
