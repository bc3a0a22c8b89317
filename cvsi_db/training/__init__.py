"""What trained the starter bundle: one module per model, each run with one command and able to resume."""
