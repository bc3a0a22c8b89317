"""Evaluation: how well methods of composed image retrieval rank, on benchmarks with known answers.

`metrics` measures rankings, `features` and `terms` run the models, `baselines` are the methods. Two kinds of benchmark:
Scenes-CIR (`scenes`) is generated, drawn and measured here (`scene_terms`, `report`), without any gallery. Those of the
field (`cirr`, `circo`, `fashioniq`) are read from their published files into one record (`field`), their images are
taken into a real gallery (`field_gallery`, `field_terms`), ranked by name (`field_ranking`), and measured
(`field_metrics`, `field_report`) or written for the benchmarks' servers (`submissions`).
"""
