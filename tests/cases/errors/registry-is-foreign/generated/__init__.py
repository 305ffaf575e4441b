"""Somebody's own package."""
