"""Keeping a gallery: check and repair, statistics, lists, tags, duplicates, removal, watching folders."""
