"""Tables in, values out: no Markdown and no figure."""
