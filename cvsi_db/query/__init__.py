"""What may be asked: one declaration of a query, its checks, and the texts it is read from."""
