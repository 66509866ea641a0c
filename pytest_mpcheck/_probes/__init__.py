"""What a process has: measured by itself, as facts that cross to another process and compare there."""
