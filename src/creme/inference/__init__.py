"""A network at work: its device, batches, one-hot rows, and windows of what an edit changed."""
