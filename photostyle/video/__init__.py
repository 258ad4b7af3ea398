"""A clip's whole way, from opening to joining.

`info` and `reading` open it; `shots`, `motion` and `regions` look at it; `looks` fits; `grade`, `pipeline` and
`segments` apply; `codecs`, `encode` and `join` write; `stylize` and `run` are the doors that commands and the page use;
`steadiness` measures what came of it. Imports `jobs` (loading, rendering), `engines`, `transfer` and what lies below.
The only room that knows PyAV.
"""
