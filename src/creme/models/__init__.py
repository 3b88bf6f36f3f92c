"""The embedded default model, synthetic and analytic, and a genome to go with it."""
