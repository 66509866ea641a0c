"""No process survives its run: who belongs to a run, how they are ended, and the process that sees to it.

Guarantees: what belongs to a run carries its mark, whoever started it and whoever its parent is by now; nothing else is
ever touched. Whatever ends pytest, the keeper, a process of its own, ends what is left.

=============  =========================================================================================
`_scope`       which processes belong to a run or to a test, and which of them are left alone
`_sweep`       asks them to end, gives them a moment, ends them
`_doors`       notes every process that pytest and its forked children start, while the guard is on
`_descriptor`  an open file of ours, for as long as no test has closed it
`_order`       what pytest tells the keeper
`_launch`      starts the keeper, and lets it go
`_main`        the keeper
`_run`         all of it, for one run of pytest
=============  =========================================================================================
"""
