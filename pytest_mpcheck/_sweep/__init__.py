"""Tests that start processes through the default context, run again under the start methods that are no default here.

Read the modules in this order:

* ``_ledger``: who asks `multiprocessing` for its default, and who starts processes;
* ``_default``: another start method as the default of the platform;
* ``_limit``, ``_remains``: that a run which hangs ends, and leaves nothing;
* ``_facts``: how a test has run under a start method;
* ``_causes``: these facts -> what tells the runs apart, and why;
* ``_words``: that -> lines and tables.
"""
