"""Attention that is left to HF between its projections."""
