"""`python -m cvsi_db`: the command line."""

from importlib import import_module

import_module("cvsi_db.cli").main()
