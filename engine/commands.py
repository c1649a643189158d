"""The commands that measure detectors and that make and ask classifiers; `engine.__main__` has the others."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import EngineError
from engine.terminal import (
    STANDARD,
    Device,
    clean_up_when_stopped,
    offline,
    told_in_a_sentence,
    watched,
)


def prepare(
    name: Annotated[str, typer.Argument(help="data set, such as cifar10, eurosat or clothing1m")],
    root: Annotated[Path, typer.Option(help="folder that holds it as it was published")],
    noise: Annotated[
        list[str] | None,
        typer.Option(help="wrong labels to plant, such as sym:0.4; may be repeated for an .npz file"),
    ] = None,
    seed: Annotated[int, typer.Option(help="of the noise")] = 0,
    out: Annotated[Path | None, typer.Option(help="file or folder to make")] = None,
    split: Annotated[str, typer.Option(help="train, test, or another that it has")] = "train",
) -> None:
    """Make a benchmark of the papers ready for `evaluate`, with wrong labels planted; prints a line."""
    clean_up_when_stopped()
    from engine.prepare import prepare as make  # noqa: PLC0415 - the environment comes first

    offline()
    with told_in_a_sentence(), watched() as report:
        made = make(name, root, noise=noise or (), seed=seed, split=split, out=out, report=report)
    print(made)


def evaluate(
    data: Annotated[
        Path, typer.Option(help=".npz file (images, clean, class_names, label sets), or what prepare made")
    ],
    labels: Annotated[str, typer.Option(help="name of the label set in it")],
    detector: Annotated[str, typer.Option(help="name of the detector")],
    json_file: Annotated[Path, typer.Option("--json", help="file to write the figures to")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="a setting of the detector as key=value; may be repeated"),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="a tag, an open_clip directory, a file, or bundled")
    ] = STANDARD.weights,
    model: Annotated[str, typer.Option(help="open_clip model name")] = STANDARD.model,
    seed: Annotated[int, typer.Option(help="of every draw")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    batch_size: Annotated[int, typer.Option(help="images per forward pass")] = 256,
    cache: Annotated[Path | None, typer.Option(help="folder that keeps pixels and features")] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="like --data: other images, whose true labels measure a classifier then trained"),
    ] = None,
    adaptations: Annotated[
        list[str] | None,
        typer.Option("--adapt", help="a setting of that classifier as key=value; may be repeated"),
    ] = None,
) -> None:
    """Measure one detector on one label set whose true labels are known; prints a line, writes JSON."""
    clean_up_when_stopped()
    from engine.artifacts import write_json  # noqa: PLC0415 - the environment comes first
    from engine.config import read_assignments  # noqa: PLC0415
    from engine.datasets import TRUE, read_dataset  # noqa: PLC0415
    from engine.evaluate import evaluate as measure_detector  # noqa: PLC0415
    from engine.evaluate import summary  # noqa: PLC0415

    offline()
    with told_in_a_sentence():
        # Before the work, not after it.
        if not json_file.parent.is_dir() or json_file.is_dir():
            raise EngineError(
                f"{json_file} cannot be written; --json names a file in a folder that is there."
            )
        if cache is not None and cache.exists() and not cache.is_dir():
            raise EngineError(f"{cache} is a file; --cache names a folder.")
        asked = {
            "detector": detector,
            "settings": read_assignments(detector, assignments or ()),
            "seed": seed,
            "device": device,
            "batch_size": batch_size,
            "backbone": {"model": model, "weights": weights},
        }
        adapt = read_assignments("adapt", adaptations, "--adapt") if adaptations else None
        held = None if test is None else read_dataset(test, TRUE)
        with watched() as report:
            result = measure_detector(
                read_dataset(data, labels), asked, test=held, adapt=adapt, cache=cache, watch=report
            )
        write_json(json_file, {"data": str(data), "test": None if test is None else str(test), **result})
    print(summary(result))


def adapt(
    run_dir: Annotated[Path, typer.Argument(help="folder of a finished run")],
    out: Annotated[Path, typer.Option(help="folder for the classifier")],
    model: Annotated[str, typer.Option(help="clip, or a network from ImageNet by timm's name")] = "clip",
    weights: Annotated[str, typer.Option(help="where its weights lie, if not in the usual place")] = "",
    test: Annotated[
        Path | None, typer.Option(help="table of other images with the columns path, label to measure on")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="a setting as key=value; may be repeated")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of every draw")] = 0,
    device: Annotated[Device, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
) -> None:
    """Train a classifier on what the run found clean and on what people decided."""
    from engine.classifier.adaptation import Asked, summary  # noqa: PLC0415 - as above
    from engine.classifier.adaptation import adapt as train_classifier  # noqa: PLC0415
    from engine.classifier.lesson import read_settings  # noqa: PLC0415
    from engine.config import read_assignments  # noqa: PLC0415

    offline()
    with told_in_a_sentence(), watched() as report:
        values = {"model": model, "weights": weights, **read_assignments("adapt", assignments or ())}
        asked = Asked(run_dir=run_dir, config=read_settings(values), seed=seed, device=device, held=test)
        result = train_classifier(asked, out, report)
    for note in result["notes"]:
        print(note, file=sys.stderr, flush=True)
    print(f"{summary(result)}; {out}")


def predict(
    classifier: Annotated[Path, typer.Argument(help="folder that adapt wrote")],
    images: Annotated[list[Path], typer.Argument(help="image files, or folders of them")],
    csv_file: Annotated[Path | None, typer.Option("--csv", help="file to write the table to")] = None,
    weights: Annotated[str, typer.Option(help="where the model's weights lie now, if elsewhere")] = "",
    device: Annotated[Device, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="images per forward pass")] = 256,
) -> None:
    """Label new images: a table of the likeliest classes, to stdout or a file."""
    clean_up_when_stopped()
    from engine.classifier.predict import label_images  # noqa: PLC0415 - as above

    offline()
    with told_in_a_sentence(), watched() as report:
        n_read, n_unread = label_images(
            classifier, images, csv_file, weights=weights, device=device, batch_size=batch_size, report=report
        )
    print(f"{n_read} images labelled, {n_unread} unreadable", file=sys.stderr, flush=True)
    if not n_read:
        raise typer.Exit(1)
