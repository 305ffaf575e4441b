"""Parts of models: a folder for each, with a folder for each kind of it."""
