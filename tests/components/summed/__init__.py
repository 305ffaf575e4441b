"""A kind of MLP that adaptergen does not know: an activation, and beside it a projection as is."""
