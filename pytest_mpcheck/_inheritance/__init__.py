"""What each kind of worker has of the process that starts it, measured on the machine at hand.

Read the modules in this order:

* ``_state``: a module with globals that are there to be changed;
* ``_rows``: what is looked at, and how it is marked here so that it is known again there;
* ``_targets``: what runs inside a worker;
* ``_measure``: marks and workers -> one word for each row and kind of worker;
* ``_words``: these -> rows of text, or one JSON object.
"""
