"""What a history must be like: the rules, who broke them, and the picture of it."""
