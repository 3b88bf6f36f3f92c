"""The hosted AlphaGenome service, for creme-toolkit."""

from creme_alphagenome.model import AlphaGenome

__all__ = ["AlphaGenome"]
