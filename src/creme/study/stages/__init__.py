"""The stages of a study, one record each."""
