"""What a model's file and its folder state of class names and preprocessing: a file for each vendor, and their table."""
