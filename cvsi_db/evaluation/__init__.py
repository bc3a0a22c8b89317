"""Evaluation: how well methods of composed image retrieval rank, on benchmarks with known answers.

`metrics` measures rankings, `scenes` generates the benchmark Scenes-CIR, `features` and `terms` run the models over it,
`baselines` are the methods, `report` puts them side by side. Knows nothing about galleries on disk.
"""
