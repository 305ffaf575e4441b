"""The reference of spec language and checks: found by words, shown on a terminal, as Markdown."""
