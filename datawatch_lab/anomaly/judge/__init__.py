"""How well a detector finds labelled anomalies: published scoring rules, and how sure they are.

- `corpora`: labelled series from disk.
- `nab`: the scoring of the Numenta Anomaly Benchmark.
- `events`: recall and precision over events, without point adjustment.
- `trials`: a detector run over a corpus, judged by both; split halves and bootstrap.
- `report`, `picture`: what people read.
"""
