"""Whether what happened at the same time could have happened one after the other."""
