"""Attention that TL computes step by step."""
