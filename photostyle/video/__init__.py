"""A clip's whole way, from opening to joining.

`info`, `reading` and `fields` open it; `shots`, `motion` and `regions` look at it; `looks` fits; `grade`, `pipeline`
and `segments` apply; `codecs`, `encode`, `timing`, `tags`, `timecode`, `result` and `join` write, once `trial` has
found that the container takes it, and `losses` reads what was lost; `stylize` and `run` are the doors that commands
and the page use; `steadiness` measures what came of it. Imports `jobs` (loading, rendering), `engines`, `transfer` and
what lies below. The only room that knows PyAV.
"""
