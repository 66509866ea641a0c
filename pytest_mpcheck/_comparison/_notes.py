"""The table of the notes, question 2, as data: to the letter, so nothing here is ever changed."""

__all__ = [
    "CLAIMS",
    "COMPLEXITY",
    "CREATION",
    "GIL",
    "MEMORY",
    "NOTES",
    "PERFORMANCE",
    "PROCESSES",
    "THREADS",
]

PROCESSES = "Multiprocessing"
THREADS = "Multithreading"

MEMORY = "Memory"
PERFORMANCE = "Performance"
CREATION = "Creation overhead"
COMPLEXITY = "Complexity"
GIL = "Global Interpreter Lock (GIL)"

NOTES: tuple[tuple[str, str, str], ...] = (
    ("Feature", PROCESSES, THREADS),
    (MEMORY, "Separate memory space", "Shared memory space"),
    (PERFORMANCE, "Better for CPU-bound tasks", "Better for I/O-bound tasks (often)"),
    (CREATION, "Higher", "Lower"),
    (COMPLEXITY, "Generally more complex", "Simpler to implement"),
    (GIL, "Not affected", "Limited by GIL in Python"),
)

CLAIMS: dict[tuple[str, str], str] = {
    (feature, side): claim
    for feature, *claims in NOTES[1:]
    for side, claim in zip((PROCESSES, THREADS), claims, strict=True)
}
"""Each claim under its feature and its side, in the order of the table."""
