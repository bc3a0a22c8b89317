"""From a plan to ranked images: searches of the store, scans of the rows in memory, the exact rerank."""
