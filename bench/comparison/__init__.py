"""The parts of bench/compare.py: what is compared (systems, cases, paths), how one is measured (running, measuring), and
what is made of it (results, table, plots, page)."""
