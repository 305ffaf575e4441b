"""Somebody's own module."""
