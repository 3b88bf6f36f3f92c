"""The store that a command is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from creme.errors import StoreError
from creme.interrupts import stop_if_pressed

if TYPE_CHECKING:
    from creme.store import Source, Store
    from creme.store.others import NamedPlace
    from creme.store.place import Place

Counted = Callable[[int, int], None]


def place_of(text: str) -> NamedPlace:
    """A store's place, and the URL of its index; it may be an experiment file."""
    from creme.results.kind import Kind, kind_of, mistaken
    from creme.runner.experiment import Experiment
    from creme.store.location import place_at

    path = Path(text)
    if kind_of(path) in (Kind.STUDY_FILE, Kind.STUDY, Kind.RESULTS):
        raise StoreError(str(mistaken(path, "a store or an experiment file")))
    if path.is_file():
        experiment = Experiment.from_file(path)
        return experiment.store_place, experiment.index
    return place_at(text), None


def check_is_there(place: Place) -> None:
    if not place.is_there():
        raise StoreError(
            f"there is no store {place}: a run makes it, and 'creme cache info FILE' finds that of "
            f"an experiment file"
        )


@contextmanager
def writing_store(text: str) -> Iterator[Store]:
    """A store that is there, to change it."""
    from creme.store import Store

    place, url = place_of(text)
    check_is_there(place)
    with Store(place, index_url=url) as store:
        yield store


@contextmanager
def reading_store(text: str) -> Iterator[Store]:
    """A store that is there; one that is sealed, or on a server, without writing to it."""
    from creme.store import Store

    place, url = place_of(text)
    check_is_there(place)
    try:
        store = Store(place, index_url=url, read_only=True)
    except StoreError:
        store = Store(place, index_url=url)
    with store:
        yield store


@contextmanager
def shown_progress(done: str) -> Iterator[Counted]:
    """How far it is, on a terminal; a Ctrl-C that was dropped ends it at its next step."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from creme.cli.terminal import display

    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=display(), transient=True, disable=not display().is_terminal
    ) as bar:
        task = bar.add_task(done, total=0)

        def counted(n: int, of: int) -> None:
            stop_if_pressed()
            bar.update(task, completed=n, total=of)

        yield counted


def one_source(store: Store, model: str | None) -> Source:
    """The source of a model; the only one unless a model is named."""
    from creme.store.prune import sources_of_model

    sources = sources_of_model(store, model)
    if len(sources) == 1:
        return sources[0]
    if not sources:
        raise StoreError(f"store {store.place} holds nothing")
    names = ", ".join(
        f"{each.fingerprint[:12]} ({each.description.get('model', '?')}, "
        f"{each.shape[0]} x {each.shape[1]})"
        for each in sources
    )
    raise StoreError(
        f"store {store.place} has several of that: {names}; say how the fingerprint begins: --model"
    )
