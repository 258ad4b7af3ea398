"""The page of ``photostyle web``. The only room that knows Gradio; it works through `photostyle.jobs` as commands do.

`sessions`, `preview` and `studio` know no page and no HTTP, `guard` and `server` no style; the tabs put both together.
"""
