"""An MLP without a gate."""
