"""A further MLP beside that of a block."""
