"""The guard: looks after what the tests of any suite start and make, and tells what they leave, lose or risk.

Guarantees: a test that passes no door costs two method calls. What was made belongs to whoever made it: a test, or a
fixture of wider scope, which is judged after its own teardown. Nothing that goes wrong in here fails a test.

===============  ===============================================================================================
`_doors`         where the standard library, and the libraries that copy it, start and make things
`_replacements`  stands in front of functions of other modules, and hears of their import by `_imports`
`_passage`       the way that a call has come
`_callers_name`  hides that one of these stands in the way
`_watcher`       what the guard asks: `Watcher`; and what it tells those: `Span`, `Made`
`_watchers`      all watchers there are
`_ownership`     who owns what was made while spans overlap
`_guard`         begins and ends spans, asks the watchers, gives what is about to end its moment
===============  ===============================================================================================
"""
