"""What findings there are, which of them are allowed, and how they are told. Nothing here looks at anything.

============  =========================================
`_catalogue`  every kind, with a line of what it means
`_allowance`  which findings somebody has allowed
`_words`      findings to lines
`_report`     findings to JSON, and what that looks like
============  =========================================
"""
