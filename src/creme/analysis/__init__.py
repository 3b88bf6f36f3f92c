"""The paper's analyses, on the results' Datasets; no model is needed.

One subject a module: `categories`, `normalise`, `statistics`, `distances`, `comparison`,
`traces`, `additive`, `saturation`.
"""
