"""Models of the Borzoi family for creme-toolkit; :class:`creme_seqnn.model.SeqNN` is the plugin."""
