"""Processes beside threads: the claims of the notes' table, each measured on the machine at hand.

Read the modules in this order:

* ``_notes``: the table as the notes print it;
* ``_facts``: what is measured, as frozen records;
* ``_targets``: what runs inside a worker;
* ``_workers``: starting workers and ending every one of them;
* ``_catalogue``: kinds of things that one might hand to a worker;
* ``_measure``: workers -> facts;
* ``_verdicts``: facts -> holds, does not hold, cannot tell here;
* ``_words``: facts and verdicts -> rows of text, or one JSON object.

This file imports nothing on purpose: a spawned worker imports it on its way to ``_targets``, and what it
imported would be measured as the price of a process.
"""
