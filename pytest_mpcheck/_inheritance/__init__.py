"""What each kind of worker has of the process that starts it, measured on the machine at hand.

Read the modules in this order:

* ``_state``: a module with globals that are there to be changed;
* ``_process_marks``, ``_python_marks``: how a thing is marked here so that it is known again there;
* ``_rows``: what is looked at, each with its mark;
* ``_targets``: what runs inside a worker;
* ``_measure``: marks and workers -> one word for each row and kind of worker;
* ``_words``: these -> rows of text, or one JSON object.
"""
