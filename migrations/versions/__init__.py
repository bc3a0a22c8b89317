"""The revisions, oldest first; each is frozen once released: change a table by adding a revision."""
