"""Runs a program under each start method and shows what differs.

A *program* is a script, a notebook, or Python blocks of a page in Markdown (`_reading`); it is run as a real
``__main__``, more than once where it takes that to learn what varies by itself (`_experiment`). What differs is judged
(`_contrast`), led back to causes (`_causes`) and told (`_words`). Only `_laboratory` starts anything; the rest is pure.
"""
