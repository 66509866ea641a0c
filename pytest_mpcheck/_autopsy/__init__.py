"""What a living process, and all that descends from it, is doing.

Guarantees: whoever is examined goes on as if nothing had been; an examination always ends, and it never raises because
of what it looks at. It needs no more than a pid, so it knows nothing of children, pools and scripts: they ask here.
"""
