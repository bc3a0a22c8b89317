"""From a result to what people and programs read: JSON, an explanation, a page, an Arrow table."""
