"""Measures of results: `photos` of one photo's (`content`, `style`), `cost` of time and memory.

Pure functions of tensors: no files, no methods. `photostyle.jobs` and the scripts call them; how steady a clip is
belongs to `photostyle.video.steadiness`.
"""
