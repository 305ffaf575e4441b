"""An MLP with a gate of its own."""
