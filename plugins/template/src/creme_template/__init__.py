"""A template of a plugin for creme-toolkit."""
