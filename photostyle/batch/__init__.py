"""A folder's photos: planned, given to workers, written, reported, resumed.

`plan` says what is to do, `look` and `work` do it, `state` remembers it, `run` is the door. Imports `jobs`, `engines`
and what lies below; never `video`.
"""
