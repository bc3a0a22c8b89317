"""What trained the starter bundle: one module per model, each run with one command and able to resume.

Knows nothing about galleries; `composed` alone knows how a query is put together, to measure what the models can do.
"""
