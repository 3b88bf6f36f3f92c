"""The generator and the shuffles once more, slowly: plain Python integers, lists and no numba."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise

WORD = 2**64
N = 4


class Twin:
    """A stream of random words and what is drawn from it."""

    def __init__(self, seed: int) -> None:
        digest = hashlib.sha256(b"creme-stream" + seed.to_bytes(16, "little")).digest()
        self.state = int.from_bytes(digest[:8], "little")
        self.gamma = int.from_bytes(digest[8:16], "little") | 1
        if bin(self.gamma ^ (self.gamma >> 1)).count("1") < 24:
            self.gamma ^= 0xAAAAAAAAAAAAAAAA

    def word(self) -> int:
        self.state = (self.state + self.gamma) % WORD
        word = self.state
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % WORD
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WORD
        return word ^ (word >> 31)

    def below(self, bound: int) -> int:
        while True:
            pick = lemire(self.word() >> 32, bound)
            if pick is not None:
                return pick

    def pair(self, bound: int) -> tuple[int, int]:
        """Below `bound` and below `bound` + 1, from the two halves of one word."""
        while True:
            word = self.word()
            lower, upper = lemire(word % 2**32, bound), lemire(word >> 32, bound + 1)
            if lower is not None and upper is not None:
                return lower, upper

    def arrange(self, counts: list[int]) -> list[int]:
        """A random order of ``counts[c]`` times each c."""
        common = counts.index(max(counts))
        order = [common, *(code for code in range(4) if code != common)]
        letters = [code for code in order for _ in range(counts[code])]
        place = counts[common]
        while len(letters) - place >= 2:
            for other in self.pair(place + 1):
                letters[place], letters[other] = letters[other], letters[place]
                place += 1
        if place < len(letters):
            other = self.below(place + 1)
            letters[place], letters[other] = letters[other], letters[place]
        return letters


def lemire(half: int, bound: int, bits: int = 32) -> int | None:
    """The integer below `bound` that `bits` random bits give, or None where they are rejected."""
    pick, low = divmod(half * bound, 2**bits)
    return pick if low >= 2**bits % bound else None


def mononucleotide(codes: list[int], seed: int) -> list[int]:
    """The bases shuffled, and every N where it was."""
    bases = [code for code in codes if code != N]
    return around_n(codes, Twin(seed).arrange([bases.count(code) for code in range(4)]))


def around_n(codes: list[int], bases: list[int]) -> list[int]:
    """Bases laid back around the N of `codes`."""
    rest = iter(bases)
    return [code if code == N else next(rest) for code in codes]


def dinucleotide(codes: list[int], seed: int) -> list[int]:
    """The bases shuffled as one string, and every N where it was."""
    return around_n(codes, walked([code for code in codes if code != N], seed))


def walked(codes: list[int], seed: int) -> list[int]:
    """A shuffle of bases alone."""
    if len(codes) < 4:
        return codes
    stream = Twin(seed)
    edges = Counter(pairwise(codes))
    in_tree = {codes[-1]}
    last: dict[int, int] = {}
    for letter in range(4):
        if letter not in codes:
            continue
        here = letter
        while here not in in_tree:
            ways = [to for to in range(4) if to != here for _ in range(edges[here, to])]
            last[here] = ways[stream.below(len(ways))]
            here = last[here]
        here = letter
        while here not in in_tree:
            in_tree.add(here)
            here = last[here]
    exits = {}
    for letter in range(4):
        free = [edges[letter, to] - (last.get(letter) == to) for to in range(4)]
        exits[letter] = iter([*stream.arrange(free), *([last[letter]] if letter in last else [])])
    walk = [codes[0]]
    while len(walk) < len(codes):
        walk.append(next(exits[walk[-1]]))
    return walk


def arrangements(text: str) -> list[str]:
    """All distinct sequences that have the N of `text`, and without them its dinucleotides and its
    first base; sorted."""
    bases = text.replace("N", "")
    edges = Counter(pairwise(bases))
    complete = []

    def extend(path: str) -> None:
        if len(path) == len(bases):
            rest = iter(path)
            complete.append("".join(one if one == "N" else next(rest) for one in text))
        for letter in "ACGT":
            if path and edges[path[-1], letter]:
                edges[path[-1], letter] -= 1
                extend(path + letter)
                edges[path[-1], letter] += 1

    extend(bases[:1])
    return sorted(complete)
