"""What a test leaves behind, sort by sort, with the line that made it.

Guarantees: a watcher looks, and touches nothing. What stays on purpose is known by what it is, and is no leak; neither
is what belongs to something that is told already, nor what waits for the garbage collector only.

==============  ============================================================================================
`_owners`       pools, executors and managers that were never closed
`_processes`    processes that live, whoever started them, and zombies
`_threads`      threads that run
`_descriptors`  descriptors and sockets that are open in this process
`_estate`       segments of shared memory, semaphores and folders with sockets that outlive their maker
`_output`       output that children held when they ended
`_parts`        what belongs to a pool, an executor, a manager or a process
`_stay`         what stays on purpose
`_holders`      which objects hold descriptors
`_births`       which line made a thing
`_reach`        how word comes from children; `_names_agent` and `_output_agent` are what travels to them
`_watchers`     all watchers of leaks
`_block`        `assert_no_leaks`
==============  ============================================================================================
"""
