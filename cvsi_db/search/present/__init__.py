"""From a ranking to what people and programs read: hits, JSON, an explanation, a page, an Arrow table."""
