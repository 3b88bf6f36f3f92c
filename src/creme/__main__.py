"""``python -m creme`` is the command ``creme``."""

from creme.cli import main

main()
