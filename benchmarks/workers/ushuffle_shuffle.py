"""The shuffle of uShuffle, on letters."""

from __future__ import annotations

from importlib.metadata import version

import ushuffle
from common import codes, main


def shuffle(length, n):
    letters = bytes(b"ACGT"[code] for code in codes(length))

    def run():
        shuffler = ushuffle.Shuffler(letters, 2)
        for _ in range(n):
            shuffler.shuffle()

    return run


if __name__ == "__main__":
    main(
        {"shuffle": shuffle},
        {"ushuffle": version("ushuffle")},
        lambda: ushuffle.shuffle(b"ACGT", 2),
    )
