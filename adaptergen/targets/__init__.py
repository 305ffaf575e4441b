"""What specs are rendered for, a folder for each."""
