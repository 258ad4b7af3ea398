"""Measures of results: `photos` of one photo's, `temporal` of a clip's, `cost` of time and memory."""
