"""The paper's analyses, on the results' Datasets; no model is needed.

One subject a module: `categories`, `evidence`, `normalise`, `statistics`, `resampling`,
`distances`, `comparison`, `traces`, `additive`, `saturation`. The page docs/trust.md says what
their numbers mean.
"""
