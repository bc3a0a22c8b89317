"""From a composed query to weighted vectors: references read, texts edited and embedded."""
