"""Class names and preprocessing that a model's file or folder states: a file for each vendor, and their table."""
