"""The procedural world: scenes, how they are drawn, what people say of them, and edits from one to another.

Needs the `scenes` extra (skia) only to draw.
"""
