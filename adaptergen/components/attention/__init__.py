"""Attention, a folder for each kind, and what all of them have in common."""
