"""Clients that a pooler holds while production is switched, instead of a portal that is stopped."""
