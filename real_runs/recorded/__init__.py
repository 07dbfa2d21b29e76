"""Recording versions of the standard library's threading family: the real objects, with a note of each operation.

Same semantics, same errors, real threads; one family a file. They know the log they write to, and neither files nor
children. A note's time is true to the order on its object: what gives something away (release, set, put) is stamped
before it takes effect, what takes something (acquire, get, result) after; ``request`` is noted only when a thread has
to wait.
"""
