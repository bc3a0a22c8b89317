"""How a scene becomes a picture: palette, pen, drawing styles, and the drawings themselves.

Backdrops are drawn in picture units (the square is 0..100, y grows downwards). A figure and all it wears and holds are
drawn in figure units: feet at (0, 0), head near y = -66, about 90 units tall, the holding hand on the right. Only `pen`
imports skia.
"""
