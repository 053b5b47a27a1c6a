"""A file a topic: what is written and drawn about it. To change Figure 7, open one file.

How a topic is written (`errors` is the example):

1. Its functions take what they need, `nets: Nets`, `data`, `confidence`, a list of records, and never
   `Results`: `resnet.report.pages` alone takes that apart. A topic imports no other topic.
2. A number over seeds is `net.over_seeds("test_error")`, a `Sample`; tests of samples are in `samples`. Where rows of
   several records are compared or drawn, the topic has one `frame(...) -> DataFrame`, built in its file.
3. `..._table(...) -> Table`: a dict of `Cell(text, value, link)` a line, through `table(lines, left)`. Text comes from
   `words`; it is plain, or `Markdown`. `link` is the result file, below the runs' folder.
4. `figure(...) -> Figure | None`, in Matplotlib through `style`; a `Picture` names it, and `pages` draws it once.
5. A function named for what it shows gives `Section(title, blocks)`. Blocks are Markdown, `Table` or
   `Picture`; empty ones are left out, and so is a section without any.
6. Only runs of the plan's identity are in `net.runs`: a topic never asks whether runs are stale, mixed or of two data.
   Everything else is in `Results.not_counted` with its reason, which `provenance` alone shows.
7. A sentence is a template with numbers. Which nets are compared or shown: `ladders`; is it the paper's: `protocol`.
"""
