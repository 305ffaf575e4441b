"""An MLP that is left to HF as one piece."""
