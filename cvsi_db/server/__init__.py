"""The server: a gallery over HTTP, with its page. Only `cvsi-db serve` imports it; it needs the extra `server`."""
