"""What findings there are, which of them are allowed, and how they are told: pure functions of findings."""
