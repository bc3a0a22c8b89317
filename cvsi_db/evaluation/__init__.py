"""Evaluation: how well methods of composed image retrieval rank, on benchmarks with known answers.

`metrics` measures rankings, `encoding` and `terms` run the models, `baselines` are the methods. Two kinds of benchmark:
Scenes-CIR (`scenes`, `scene_*`) is generated, drawn and measured here, without a gallery. Those of the field are read
from their published files (`annotations`) into one record (`field`), their images are taken into a real gallery
(`field_gallery`), ranked by name (`field_ranking`), and measured (`field_report`) or written for the benchmarks'
servers (`submissions`).
"""
