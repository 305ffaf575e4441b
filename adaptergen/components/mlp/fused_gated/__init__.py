"""An MLP whose gate is half of a projection."""
