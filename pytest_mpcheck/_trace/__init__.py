"""The history of a run as a picture: the Trace Event Format of Chrome, which Perfetto and chrome://tracing open."""
