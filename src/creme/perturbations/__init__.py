"""The built-in perturbations, one a file; `creme.registry.create` makes one by name."""
