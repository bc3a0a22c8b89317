"""Everything a gallery has on disk: its folder and lock, the LanceDB tables, the SQLite catalog."""
