"""The cases: their jobs, the packages that are measured, and the goals."""

from __future__ import annotations

from typing import Any

from measured import Case, Goal, Part, Run, exact, fact, mib, times

PEERS = ("reference", "tangermeme", "ushuffle")
SHARED = "tangermeme, shared"
CODES = "toolkit, codes"


def cases(*, quick: bool) -> list[Case]:
    """All cases.

    Parameters
    ----------
    quick : bool
        Small ones.
    """
    return [
        *shuffles(quick),
        *suite(quick),
        seqnn(quick),
        *architectures(quick),
        enformer(quick),
        end_to_end(quick),
        design(quick),
        own_time(quick),
        warm_run(quick),
        store(quick),
        first_call(),
    ]


def shuffles(quick: bool) -> list[Case]:
    """Dinucleotide shuffles."""
    goals = {
        (196_608, 1): (times("reference", 55), times("ushuffle", 1.8), times("tangermeme", 4)),
        (196_608, 10): (times("reference", 100), times("ushuffle", 2.5)),
    }
    result = []
    for length in (5000,) if quick else (5000, 196_608, 393_216):
        for n in (1, 10):
            values = {"length": length, "n": n}
            result.append(
                Case(
                    "Shuffles",
                    f"shuffle-{length}-{n}",
                    tuple(
                        Run(name, name, worker, "shuffle", values)
                        for name, worker in (
                            ("toolkit", "toolkit_shuffle"),
                            ("reference", "reference_suite"),
                            ("tangermeme", "tangermeme_suite"),
                            ("ushuffle", "ushuffle_shuffle"),
                        )
                    ),
                    (Part(f"{length:,} bp, {n} at a time", goals=goals.get((length, n), ())),),
                )
            )
    return result


def size_of(quick: bool) -> dict[str, Any]:
    """The locus of the tests: 38 tiles of 5 kb, 10 replicates."""
    if quick:
        return {"length": 40_960, "tile": 5000, "replicates": 2}
    return {"length": 196_608, "tile": 5000, "replicates": 10}


def suite(quick: bool) -> list[Case]:
    """The tests on a model that costs nothing."""
    size = size_of(quick)
    tiles = (size["length"] // 2 - 2500) // 5000 * 2
    goals_of_both = (times("reference", 150), times("tangermeme", 10))
    jobs: dict[str, tuple[str, tuple[str, ...], tuple[Goal, ...]]] = {
        "context_dependence": ("context dependence", ("reference",), ()),
        "necessity": (
            "necessity",
            ("reference", "tangermeme"),
            (
                times("reference", 8),
                times("tangermeme", 1.5),
                times("tangermeme", 2, ours=CODES),
                mib(150),
            ),
        ),
        "sufficiency": ("sufficiency", ("reference", "tangermeme"), goals_of_both),
        "distance": ("distance", ("reference", "tangermeme"), goals_of_both[:1]),
        "higher_order": ("three greedy rounds", ("reference",), ()),
        "multiplicity": ("two copies (multiplicity)", ("reference",), ()),
    }
    # tangermeme, used by somebody who thinks of sharing backgrounds; a model that takes codes.
    shared = {
        "sufficiency": (Run(SHARED, "tangermeme", "tangermeme_suite", "sufficiency_shared", size),),
        "necessity": (Run(CODES, "toolkit", "toolkit_suite", "necessity_of_codes", size),),
    }
    result = []
    for job, (title, peers, goals) in jobs.items():
        also = shared.get(job, ())
        of = "" if job == "context_dependence" else f", {tiles} tiles or positions"
        result.append(
            Case(
                "Tests",
                job,
                (
                    *(Run(name, name, f"{name}_suite", job, size) for name in ("toolkit", *peers)),
                    *also,
                ),
                (
                    Part(
                        f"{title}{of} x {size['replicates']}",
                        goals=goals,
                        also=tuple(
                            (f"{name} {fact}", f"{name}: {form}")
                            for name in ("toolkit", *peers, *(run.label for run in also))
                            for fact, form in (
                                ("predictions", "{:.0f} sequences"),
                                ("processor", "{:.3g} s of processor"),
                            )
                        ),
                    ),
                ),
                rounds=3 if job in ("sufficiency", "distance", "higher_order") else 5,
            )
        )
    return result


def seqnn(quick: bool) -> Case:
    """Windows on a real network."""
    values = {"replicates": 1, "tiles": 2} if quick else {"replicates": 4}

    def goals(name: str) -> tuple[Goal, ...]:
        return (
            Goal(
                "3x full, or what its trunk's share allows",
                lambda one: (
                    one.seconds[f"{name}: full"]
                    / one.seconds[f"{name}: windows"]
                    / min(3.0, one.facts["attainable"])
                ),
                1.0,
                at_least=True,
                form="{:.2f} of it",
            ),
            exact(f"{name} apart", 1e-5, "effects within 1e-5"),
            fact(
                f"{name} own, full",
                0.03,
                "toolkit's own share of full passes under 3 %",
                form="{:.2%}",
            ),
        )

    also = (
        ("trunk", "trunk {:.0%} of a forward pass"),
        ("attainable", "{:.1f}x attainable"),
    )
    own = "toolkit's own share of windows {:.1%}, choosing and patching them included"
    return Case(
        "Windows",
        "seqnn",
        (Run("windows", "toolkit", "toolkit_seqnn", "ways", values),),
        (
            Part(
                "necessity on a network of the Borzoi family, 131 kb, 5 kb tiles",
                "necessity: ",
                goals("necessity"),
                (
                    *also,
                    ("necessity own, windows", own),
                    ("necessity largest", "largest effect {:.3f}"),
                ),
            ),
            Part(
                "the same, three greedy rounds",
                "greedy: ",
                (*goals("greedy"), exact("greedy same", 1, "same tiles chosen", at_least=True)),
                (("greedy own, windows", own), ("greedy largest", "largest fold change {:.3f}")),
            ),
        ),
        rounds=3,
        needs_data=True,
    )


def architectures(quick: bool) -> list[Case]:
    """Windows on networks that are local to their end."""
    sizes = {
        "bpnet": ("BPNet's shape", 64, (8192, 250) if quick else (16_384, 1000)),
        "spliceai": ("SpliceAI-10k's shape", 32, (32_768, 1000) if quick else (98_304, 5000)),
    }
    result = []
    for name, (title, channels, (length, tile)) in sizes.items():
        values = {"name": name, "length": length, "tile": tile}
        values["channels"] = 8 if quick else channels
        values |= {"mutants": 1, "repeats": 1} if quick else {"mutants": 4, "repeats": 1}
        result.append(
            Case(
                "Windows",
                name,
                (Run("windows", "toolkit", "toolkit_split", "architecture", values),),
                (
                    Part(
                        f"{title}, {length:,} bp, a tile of {tile:,} bp",
                        f"{name}: ",
                        (
                            fact(
                                f"{name} over",
                                1.3,
                                "the design's bound within 30 %",
                                form="{:.2f} of it",
                            ),
                            exact(f"{name} apart", 1e-5, "values within 1e-5"),
                            exact(f"{name} effect", 1e-3, "effects above 1e-3", at_least=True),
                        ),
                        (
                            (f"{name} share", "{:.0%} of the bases computed"),
                            (f"{name} design", "bound {:.0%}"),
                        ),
                    ),
                ),
                rounds=3,
            )
        )
    return result


def enformer(quick: bool) -> Case:
    """Windows on Enformer."""
    values = (
        {"length": 24_576, "tile": 2000, "repeats": 1, "small": True}
        if quick
        else {"length": 196_608, "tile": 5000, "repeats": 4, "small": False}
    )
    return Case(
        "Windows",
        "enformer",
        (Run("windows", "enformer", "toolkit_enformer", "tile", values),),
        (
            Part(
                f"{'a small Enformer' if quick else 'Enformer at full size'}, random weights, a "
                f"tile of {values['tile']:,} bp",
                "",
                (
                    times("full", 8, ours="windows"),
                    exact("apart", 1e-5, "values within 1e-5"),
                    exact("effect", 1e-3, "the tile's effect above 1e-3", at_least=True),
                ),
                (("first_s", "first sequence {:.0f} s"),),
            ),
        ),
        rounds=1,
    )


def end_to_end(quick: bool) -> Case:
    """A gene on a real network, beside the reference package."""
    values = {"gene": "PSMF1", "replicates": 8}
    values |= {"replicates": 1, "tiles": 1} if quick else {}
    return Case(
        "End to end",
        "end-to-end",
        (
            Run("toolkit", "toolkit", "toolkit_seqnn", "end_to_end", values),
            Run("reference", "tensorflow", "reference_seqnn", "end_to_end", values),
        ),
        (
            Part(
                f"context dependence, necessity and sufficiency of PSMF1, 5 kb tiles x "
                f"{values['replicates']}",
                goals=(
                    times("reference", 4),
                    Goal(
                        "the same wild type to 1e-4",
                        lambda one: abs(
                            one.facts["toolkit wild_type"] / one.facts["reference wild_type"] - 1
                        ),
                        1e-4,
                        form="{:.1g}",
                        timed=False,
                    ),
                ),
                also=(
                    ("own", "toolkit's own share {:.1%}"),
                    ("toolkit passes", "toolkit: {:.0f} forward passes"),
                    ("reference passes", "reference: {:.0f}"),
                ),
            ),
        ),
        rounds=2,
        needs_data=True,
    )


def design(quick: bool) -> Case:
    """Designed CREs beside tangermeme's, at the same number of predictions."""
    values = {"loci": 2, "seeds": 1} if quick else {"loci": 20, "seeds": 3}
    goals = [exact("broken", 0, "constraints met in every design")]
    for way in ("greedy", "beam"):
        text = f"score beside tangermeme's {way}: lower 95 % bound of the log ratio above -0.05"
        goals.append(exact(f"{way} lower", -0.05, text, at_least=True))
    return Case(
        "Design",
        "design",
        (Run("designs", "design", "design_seqnn", "compared", values),),
        (
            Part(
                f"a CRE of 50 bp, {values['loci']} loci x {values['seeds']} starts, seqnn at 2 kb",
                goals=() if quick else tuple(goals),
                also=(
                    ("predictions", "{:.0f} predictions each at most"),
                    ("gain", "log score over no design {:.3f}"),
                    ("greedy mean", "over greedy {:.3f}"),
                    ("beam mean", "over beam {:.3f}"),
                ),
            ),
        ),
        rounds=1,
        needs_data=True,
    )


def own_time(quick: bool) -> Case:
    """The time of a prediction beside the model's, which takes one-hot or codes."""
    size, many = size_of(quick), 2 if quick else 8
    # What a run and a test cost besides is shared by more predictions where there are many loci.
    bounds = {"one-hot": 1.0, "codes": 0.1, f"codes, {many} loci": 0.1}
    return Case(
        "The toolkit's own time",
        "own-time",
        tuple(
            Run(
                way,
                "toolkit",
                "toolkit_suite",
                "own_time",
                {**size, "way": way, "loci": many if "loci" in way else 1},
            )
            for way in bounds
        ),
        tuple(
            Part(
                f"necessity and sufficiency, {size['length']:,} bp, for each prediction, {way}",
                f"{way}: ",
                # The processor's: other work on the machine adds to the clock's many times over.
                goals=(
                    fact(
                        f"{way} processor",
                        bound,
                        f"under {bound:g} ms of processor",
                        form="{:.3f} ms",
                    ),
                ),
                also=((f"{way} predictions", "{:.0f} predictions"),),
            )
            for way, bound in bounds.items()
        ),
    )


def warm_run(quick: bool) -> Case:
    """A finished experiment again."""
    cost = 0.005 if quick else 0.03
    return Case(
        "A finished experiment again",
        "warm-run",
        (
            Run(
                "toolkit",
                "toolkit",
                "toolkit_suite",
                "warm_run",
                {**size_of(quick), "cost": cost},
            ),
        ),
        (
            Part(
                f"necessity and sufficiency; models of 0 and {1000 * cost:.0f} ms a sequence",
                goals=(
                    exact("passes", 0, "no forward pass"),
                    fact("apart", 1.25, "the same time for both", form="{:.2f} times"),
                ),
            ),
        ),
        rounds=3,
    )


def store(quick: bool) -> Case:
    """The store as it grows."""
    sizes = [2 * 10**4, 4 * 10**4] if quick else [10**4, 10**5, 10**6, 10**7]
    last, first = sizes[-1], sizes[min(1, len(sizes) - 2)]

    def goals(size: int) -> tuple[Goal, ...]:
        if size != last:
            return ()
        added = "10,000 rows added"
        return (
            fact(f"{size} rate", 1e5, "100,000 look-ups/s", at_least=True, form="{:,.0f}/s"),
            Goal(
                f"adding no slower than at {first:,} (1.25x)",
                lambda one: one.seconds[f"{last}: {added}"] / one.seconds[f"{first}: {added}"],
                1.25,
                form="{:.2f}x",
            ),
            exact("missed", 0, "everything found, nothing else"),
        )

    return Case(
        "Store",
        "store",
        (Run("toolkit", "toolkit", "toolkit_store", "growing", {"sizes": sizes}),),
        tuple(
            Part(
                f"{size:,} rows",
                f"{size}: ",
                goals(size),
                ((f"{size} rate", "{:,.0f} look-ups/s"), (f"{size} mib", "index {:.1f} MiB")),
            )
            for size in sizes
        ),
        rounds=3,
    )


def first_call() -> Case:
    """The kernels in a new process."""
    return Case(
        "First calls",
        "first-call",
        (Run("toolkit", "toolkit", "toolkit_shuffle", "first_call", {}),),
        (Part("the first dinucleotide shuffle", also=(("import_ms", "imports {:.0f} ms"),)),),
        rounds=3,
    )
