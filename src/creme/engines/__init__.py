"""Where models are at work for a run: a thread of this process, or the workers of a cluster."""
