"""Work for many processes: a setup that every worker calls once, tasks, and an outcome for each task.

`local` uses this machine's processes, `ray` a cluster. Knows nothing of photos: `batch` and `video` bring the work.
Imports `photostyle.errors` alone.
"""
