"""Rewriters: who applies an edit text to captions."""
