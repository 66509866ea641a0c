"""What happened in the processes of a test: the log that they write, and how it is read.

Guarantees: nobody who records an event waits for anybody. What was recorded outlives the process that recorded it.
"""
