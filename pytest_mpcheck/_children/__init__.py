"""Both ends of a child.

::

    test process                                     |  child
    ------------------------------------------------ | -------------------------------------------------
    Nursery.start(target, args)                      |
      Call(target, args) -- _call pickles it ------> |  _inside.run(station, call)
      Station(folder, ...) ------------------------> |    output of descriptors 1 and 2 --> files
    Child.result() / join()                          |    call()
      waits for the process, not for a pipe          |    outcome --> file, renamed into place
      reads the outcome <--------------------------- |

What travels back travels by files: a child never blocks because nobody reads, and what it wrote outlives its death by
any signal. `_pool` and `_executor` put the same child end under the workers of the standard library's pools.
"""
