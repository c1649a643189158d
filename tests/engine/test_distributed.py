"""Two processes do what one does: the same training, the same scores, one last word (design §10)."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import psutil
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch._C._distributed_c10d import TCPStore

from engine import collective, distributed
from engine.artifacts import CHECKPOINT_WORDS, read_events, read_json, read_scores, read_status
from engine.checkpoint import Checkpoint
from engine.clip.backbone import Backbone
from engine.config import read_config, write_config
from engine.detectors import Inputs
from engine.detectors.deft import detect
from engine.draws import Draws
from engine.errors import EngineError
from engine.job import run
from engine.manifest import Pin
from engine.progress import silent
from engine.rows import Rows
from engine.runtime import Runtime, cores, pick_runtime
from engine.scoring import encode_all, store_features
from engine.settings import DETECTORS, DeftConfig
from engine.training import Plan, Terms, split, train
from tests.engine.conftest import REPOSITORY, draw, make_manifest
from tests.engine.test_resume import EPOCHS, prepare

N = 37
TORCHRUN = Path(sys.executable).with_name("torchrun")


# -- a team of processes without torchrun -------------------------------------------------------------


def member(team: distributed.Team, port: int, work: Callable[..., Any], tell: Any, *arguments: Any) -> None:
    """Do `work` as torchrun would start it, and tell what came of it: a value, or the words of an error."""
    os.environ |= {
        "RANK": str(team.rank),
        "WORLD_SIZE": str(team.size),
        "LOCAL_RANK": str(team.local_rank),
        "LOCAL_WORLD_SIZE": str(team.local_size),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "a test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    torch.set_num_threads(1)
    try:
        tell.put((team.rank, work(*arguments)))
    except BaseException as error:
        tell.put((team.rank, error.__class__.__name__, str(error), getattr(error, "__notes__", [])))


def joined(work: Callable[..., Any], *arguments: Any) -> Any:
    with distributed.joined():
        return work(*arguments)


def in_processes(size: int, work: Callable[..., Any], *arguments: Any, seconds: float = 240) -> list[Any]:
    """Return what `work` gave in each process; of one that died None."""
    # Imports once what all of them need, and has run nothing that a fork would break.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    tell, found = context.Queue(), [None] * size
    processes = []
    for rank in range(size):
        team = distributed.Team(rank=rank, size=size, local_rank=rank, local_size=size)
        process = context.Process(target=member, args=(team, store.port, work, tell, *arguments))
        process.start()
        processes.append(process)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (any(each.is_alive() for each in processes) or not tell.empty()):
        while not tell.empty():
            rank, *values = tell.get()
            found[rank] = values[0] if len(values) == 1 else values
        time.sleep(0.02)
    late = [each for each in processes if each.is_alive()]
    for process in late:
        process.kill()
    assert not late, "they wait for each other"
    return found


@contextmanager
def everything_in_float64() -> Iterator[None]:
    """Even what asks for float32, so that two ways of adding up agree to many digits."""
    plain = torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.float = plain  # type: ignore[method-assign]
        torch.set_default_dtype(torch.float32)


# -- trainings ----------------------------------------------------------------------------------------

DRAWS = Draws([f"s{i}" for i in range(N)], seed=0)


class Regression:
    """A logistic regression; a term that only some samples count for; a parameter that few depend on."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(N, 5, generator=generator)
        self.y = (self.x @ torch.randn(5, generator=generator) > 0).to(self.x.dtype)
        self.parameters = {
            "weight": torch.zeros(5, requires_grad=True),
            "bias": torch.zeros(1, requires_grad=True),
            "rare": torch.ones(2, requires_grad=True),
            "idle": torch.ones(2, requires_grad=True),
        }
        self.memory = {"seen": torch.zeros(N, 2), "times": torch.zeros(N, dtype=torch.int64)}
        self.before = self.memory["seen"].clone()

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Of eight samples, the last one of five; and of a single sample, of which somebody has none."""
        self.before.copy_(self.memory["seen"])
        return [*split(DRAWS.order(epoch), 8), DRAWS.order(epoch)[:1]]

    def terms(self, rows: np.ndarray, epoch: int) -> Terms:
        values, x, y = self.parameters, self.x[rows], self.y[rows]
        score = x @ values["weight"] + values["bias"]
        self.memory["seen"][rows] = 0.7 * self.before[rows] + score.detach()[:, None].sigmoid()
        self.memory["times"][rows] = epoch
        weight = self.memory["seen"][rows, 0]
        fit = torch.nn.functional.binary_cross_entropy_with_logits(score, y, reduction="none")
        chosen = (x[:, 0] > 0.3).to(x.dtype)
        losses = {
            "fit": ((weight * fit).sum(), float(len(rows))),
            "extra": ((chosen * (values["bias"] - 1).square()).sum(), float(chosen.sum())),
        }
        if 3 in rows:
            losses["rare"] = (values["rare"].square().sum(), 1.0)
        return Terms(losses=losses, shares={"selected": (float(chosen.sum()), float(len(rows)))})


def trained(folder: Path, change: Callable[..., Any] = lambda terms: terms, **plan: Any) -> dict[str, Any]:
    """Train a regression for three epochs and return all that is left of it."""
    folder.mkdir(exist_ok=True)
    it, notes = Regression(), []

    def hear(event: str, /, **values: Any) -> None:
        if event == "note":
            notes.append(values["message"])

    settings = {"epochs": 3, "learning_rate": 0.1, "weight_decay": 1e-2, **plan}
    figures: list[float] = []

    def figures_of(epoch: int) -> dict[str, float]:
        figures.append(float(it.memory["seen"].sum()))
        return {}

    history = train(
        it.parameters,
        change(it.terms),
        it.batches,
        Plan(**settings),
        Checkpoint(folder, "test"),
        hear,
        memory=it.memory,
        figures_of=figures_of,
    )
    return {
        "tensors": {name: value.detach().numpy() for name, value in (it.parameters | it.memory).items()},
        "history": [{**each.model_dump(), "seconds": 0} for each in history],
        "notes": notes,
        "figures": figures,
    }


def tight(terms: Callable[..., Terms]) -> Callable[..., Terms]:
    """Only the last process has too little memory for more than two samples."""

    def limited(rows: np.ndarray, epoch: int) -> Terms:
        if distributed.team().rank == 1 and len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return terms(rows, epoch)

    return limited


def trainings(folder: Path) -> dict[str, Any]:
    """Several trainings in float64; the folders are shared by those who work together."""
    place = folder / f"{distributed.team().size}"
    place.mkdir(exist_ok=True)
    with everything_in_float64():
        found = {
            "sgd": trained(place / "sgd"),
            "adamw": trained(place / "adamw", optimiser="adamw", longest_gradient=0.2, is_smooth=True),
            "tight": trained(place / "tight", tight, longest_step=0.1),
        }
        trained(place / "resumed", epochs=3)
        # Taken up where it is finished: everything comes from the file.
        return {**found, "resumed": trained(place / "resumed")}


# -- DeFT and the scores ------------------------------------------------------------------------------

SIDE, CLASSES = 32, 3


def tiny_clip() -> Backbone:
    """A random CLIP in the standard precision of torch."""
    vision = CLIPVisionCfg(image_size=SIDE, patch_size=8, width=32, layers=2, head_width=16)
    text = CLIPTextCfg(context_length=16, vocab_size=49408, width=16, heads=2, layers=1)
    torch.manual_seed(0)
    model: Any = CLIP(24, vision, text).eval().requires_grad_(False).to(torch.get_default_dtype())
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "embedding" not in name:
            torch.nn.init.normal_(parameter, std=0.15)
    return Backbone(
        name="tiny",
        model=model,
        tokenizer=open_clip.get_tokenizer("ViT-B-32", context_length=16),
        runtime=Runtime(device=torch.device("cpu"), dtype=torch.float32, reason=""),
        image_size=SIDE,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        embed_dim=24,
        logit_scale=20.0,
        context_length=16,
        templates=("a {}.",),
        fingerprint="tiny",
    )


def detections(folder: Path) -> dict[str, Any]:
    """DeFT on both towers, three epochs, in float64, and the scoring passes that it rests on."""
    run_dir = folder / f"{distributed.team().size}"
    run_dir.mkdir(exist_ok=True)
    given = np.arange(N) % CLASSES
    given[::5] = (given[::5] + 1) % CLASSES
    manifest = make_manifest(given, pinned={4: (Pin.CLEAN, (1,)), 9: (Pin.RELABELLED, (2,))})
    pictures = np.stack([draw(each, i % CLASSES, SIDE) for i, each in enumerate(manifest.sample_ids)])
    pixels = Rows(store=pictures, index=np.arange(N), keys=manifest.sample_ids)
    found: dict[str, Any] = {}
    with everything_in_float64():
        clip = tiny_clip()
        options: dict[str, Any] = {"cache": run_dir / "cache", "batch_size": 4, "report": silent}
        inputs = Inputs(
            features=store_features(clip, pixels, **options).take(slice(None)).astype(np.float64),
            classes=clip.class_features(manifest.class_prompts),
            pixels=pixels,
            seed=0,
            run_dir=run_dir,
            cache=run_dir / "cache",
            batch_size=4,
        )
        found["features"] = inputs.features
        one = Rows(store=pictures, index=np.arange(1), keys=manifest.sample_ids[:1])
        encode = partial(encode_all, clip.encode_images, runtime=clip.runtime, name="", report=silent)
        found["all"], found["one"] = encode(pixels, batch_size=4), encode(one, batch_size=4)
        for tower in ("vpt", "frozen"):
            epochs: list[dict[str, Any]] = []

            def hear(event: str, /, *, into: list[dict[str, Any]] = epochs, **values: Any) -> None:
                if event == "epoch":
                    into.append(values)

            settings = DeftConfig(
                tower=tower,
                epochs=3,
                batch_size=8,
                views=1,
                prompt_length=3,
                context_length=4,
                noise="planted",
            )
            detection = detect(settings, manifest, inputs, clip, clip.runtime, hear)
            found[tower] = {
                "p_clean": detection.p_clean,
                "probs": detection.probs,
                "selected": [each["selected"] for each in epochs],
                "agreement": [each["agreement"] for each in epochs],
                "loss": [each["loss"] for each in epochs],
            }
    return found


def suite(folder: Path) -> dict[str, Any]:
    return {"trainings": trainings(folder), "detections": detections(folder)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Any]:
    """What one process finds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return suite(folder)
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def both(folder: Path) -> list[dict[str, Any]]:
    """What each of two processes finds that work together."""
    found = in_processes(2, joined, suite, folder)
    assert all(isinstance(each, dict) for each in found), found
    return found


@pytest.mark.parametrize("name", ["sgd", "adamw", "tight", "resumed"])
def test_two_processes_train_what_one_trains(name: str, alone: Any, both: Any) -> None:
    one, *two = (each["trainings"][name] for each in (alone, *both))
    for other in two:
        for key, value in one["tensors"].items():
            np.testing.assert_allclose(other["tensors"][key], value, rtol=1e-10, atol=1e-12, err_msg=key)
        assert other["history"] == two[0]["history"]
        for mine, theirs in zip(one["history"], other["history"], strict=True):
            assert theirs["selected"] == mine["selected"]
            assert theirs["losses"] == pytest.approx(mine["losses"], rel=1e-10)
        np.testing.assert_allclose(other["figures"], one["figures"], rtol=1e-10)
    for key in one["tensors"]:
        assert np.array_equal(two[0]["tensors"][key], two[1]["tensors"][key]), key
    assert one["tensors"]["weight"].any()
    assert (one["tensors"]["rare"] != 1).all()
    assert (one["tensors"]["idle"] == 1).all(), "without a gradient no weight decays"


def test_too_little_memory_of_one_divides_the_batches_of_all(both: Any) -> None:
    said = [f"The memory was too small; each batch is now worked in {n} parts." for n in (4,)]
    assert [each["trainings"]["tight"]["notes"] for each in both] == [said, said]


@pytest.mark.parametrize("tower", ["vpt", "frozen"])
def test_deft_finds_the_same_in_two_processes(tower: str, alone: Any, both: Any) -> None:
    one, *two = (each["detections"][tower] for each in (alone, *both))
    assert 0 < min(one["selected"]) < 1
    assert one["p_clean"].std() > 0.02
    for other in two:
        np.testing.assert_allclose(other["p_clean"], one["p_clean"], rtol=0, atol=1e-6)
        np.testing.assert_allclose(other["probs"], one["probs"], rtol=0, atol=1e-6)
        assert other["selected"] == one["selected"]
        assert other["agreement"] == one["agreement"]
        np.testing.assert_allclose(other["loss"], one["loss"], rtol=1e-9)


def test_the_scores_of_all_rows_come_in_their_order(alone: Any, both: Any) -> None:
    for name in ("features", "all", "one"):
        one, *two = (each["detections"][name] for each in (alone, *both))
        assert len(one) == (1 if name == "one" else N)
        for other in two:
            np.testing.assert_allclose(other, one, rtol=0, atol=1e-7)


def test_the_first_one_alone_writes_the_cache(folder: Path, alone: Any, both: Any) -> None:
    indices = [sorted((folder / name / "cache").glob("features-tiny-*.index")) for name in ("1", "2")]
    lines = [file.read_text().splitlines() for (file,) in indices]
    assert sorted(lines[0]) == sorted(lines[1])
    assert len(lines[0]) == 1 + 2 * N  # the header, and each picture as it is and shifted


# -- small things -------------------------------------------------------------------------------------


def words(folder: Path) -> dict[str, Any]:
    rank = distributed.team().rank
    long = "ä" * 10_000 if rank else ""
    tensors = {"a": torch.arange(6.0).view(2, 3), "b": torch.zeros(4, dtype=torch.int64)}
    before = collective.copies(tensors)
    tensors["a"][rank] += 1 + rank
    tensors["b"][3] = 2 + 2 * rank  # both change it
    collective.merge(tensors, before)
    drawn = [np.arange(3), np.arange(5)] if rank == 0 else [np.arange(4)]
    return {
        "exchanged": collective.exchange([rank, float("nan"), long])[1][2] == "ä" * 10_000,
        "share": collective.share(np.arange(5)).tolist(),
        "part": range(5)[collective.part(5)],
        "merged": [value.tolist() for value in tensors.values()],
        "batches": [each.tolist() for each in collective.batches_of_first(drawn)],
        "none": len(collective.batches_of_first([])),
        "stored": partly(folder),
    }


def partly(folder: Path) -> str:
    with distributed.after_the_first():
        there = (folder / "there").exists()
        (folder / "there").touch()
    return "there" if there else "new"


def test_what_they_tell_each_other(folder: Path) -> None:
    one, two = in_processes(2, joined, words, folder)
    assert one["exchanged"]
    assert two["exchanged"]
    assert (one["share"], two["share"]) == ([0, 2, 4], [1, 3])
    assert (one["part"], two["part"]) == (range(2), range(2, 5))
    merged = [[[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]], [0, 0, 0, 3]]
    assert one["merged"] == two["merged"] == merged
    assert one["batches"] == two["batches"] == [[0, 1, 2], [0, 1, 2, 3, 4]]
    assert one["none"] == two["none"] == 0
    assert (one["stored"], two["stored"]) == ("new", "there")


def test_without_torchrun_there_is_no_team(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "3")  # as some clusters do
    assert distributed.asked() == distributed.ALONE
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert distributed.asked() == distributed.Team(rank=3, size=3, local_rank=3, local_size=3)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert distributed.asked() == distributed.ALONE


def test_alone_no_process_group_is_made() -> None:
    script = (
        "from engine import distributed, collective\nimport sys, numpy\n"
        "with distributed.joined(), distributed.after_the_first():\n"
        "    distributed.meet(), collective.exchange(1), collective.share(numpy.arange(3))\n"
        "assert 'torch' not in sys.modules, 'torch'"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the second process on a computer with GPUs."""
    team = distributed.Team(rank=3, size=4, local_rank=1, local_size=2)
    monkeypatch.setattr(distributed, "team", lambda: team)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Card")


@pytest.mark.usefixtures("second_of_two")
def test_each_process_has_its_own_gpu_and_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_runtime("auto").device == torch.device("cuda", 1)
    assert chosen == [1]
    assert cores() == 3
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EngineError, match=r"2 processes and 1 GPUs .* --nproc-per-node 1"):
        pick_runtime("cuda")


# -- the last word ------------------------------------------------------------------------------------


def failing(how: str) -> None:
    """The second process fails while the first waits for it."""
    rank = distributed.team().rank
    if how == "differ":
        collective.agree("the weather", ["fair", "foul"][rank], "wait")
    if rank == 0:
        collective.added_up(torch.ones(3)) if how != "meet" else distributed.meet()
        return
    if how == "gone":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "bug":
        raise ZeroDivisionError("of ours")
    raise EngineError("Its disk is full; make room.")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("sentence", "Its disk is full; make room."),
        ("meet", "Its disk is full; make room."),
        (
            "gone",
            "One of the 2 processes of this run is gone or does not answer; start the run again to go on.",
        ),
        ("differ", "Process 0 and process 1 of this run differ in the weather (fair, foul); wait."),
        ("bug", "in process 1: ZeroDivisionError: of ours"),
    ],
)
def test_where_one_fails_the_first_one_knows_why(
    how: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = in_processes(2, joined, failing, how, seconds=60)
    assert first[:2] == ["RuntimeError" if how == "bug" else "EngineError", sentence]
    if how == "gone":
        assert second is None
    elif how == "bug":
        assert second[0] == "ZeroDivisionError"
        assert "in failing" in first[2][0]
    else:
        assert second[0] == "SystemExit"


# -- torchrun -----------------------------------------------------------------------------------------


def start(run_dir: Path) -> subprocess.Popen:
    command = [TORCHRUN, "--standalone", "--nproc-per-node", "2", "-m", "engine", "run", run_dir]
    return subprocess.Popen(
        list(map(str, command)), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def epochs_kept(run_dir: Path) -> int:
    return (read_json(run_dir / CHECKPOINT_WORDS) or {}).get("epoch", 0)


def wait_for_epoch(run_dir: Path, process: subprocess.Popen, epoch: int) -> None:
    deadline = time.monotonic() + 200
    while epochs_kept(run_dir) < epoch and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()[0]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process, with the bundled model."""
    place = tmp_path_factory.mktemp("single")
    run_dir = prepare(place / "run", place / "cache")
    run(run_dir)
    return run_dir


def assert_same(run_dir: Path, single: Path) -> None:
    assert read_status(run_dir).state == "done"
    one, other = read_scores(single), read_scores(run_dir)
    assert one.sample_ids.tolist() == other.sample_ids.tolist()
    np.testing.assert_allclose(other.p_clean, one.p_clean, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_torchrun_does_the_run_of_one_process(single: Path, tmp_path: Path) -> None:
    run_dir = prepare(tmp_path / "run", tmp_path / "cache")
    process = start(run_dir)
    output, _ = process.communicate(timeout=280)
    assert process.returncode == 0, output
    assert_same(run_dir, single)
    result = json.loads((run_dir / "result.json").read_text())
    assert result["processes"] == 2
    assert output.count(f"unreadable; {run_dir}") == 1, "only the first one speaks"
    events = read_events(run_dir)
    stages = [each["stage"] for each in events if each["event"] == "stage"]
    assert stages == ["model", "pixels", "features", "detect", "views", "training", "scoring", "write"]
    assert [each["epoch"] for each in events if each["event"] == "epoch"] == list(range(1, EPOCHS + 1))
    assert not (run_dir / "lock").exists()
    assert not list(run_dir.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("detector", DETECTORS)
def test_every_detector_finds_nearly_the_same_in_two_processes(detector: str, tmp_path: Path) -> None:
    """Nearly: a quota, a partner to be mixed with, a balance of classes belong to the part of a batch."""
    fields = DETECTORS[detector].model_fields
    settings = {
        name: value for name, value in {"epochs": 1, "views": 1, "batch_size": 32}.items() if name in fields
    }
    for name in ("one", "two"):
        run_dir = prepare(tmp_path / name, tmp_path / f"cache of {name}")
        config = read_config(run_dir / "config.toml")
        changes = {"detector": detector, "settings": settings}
        write_config(run_dir / "config.toml", config.model_copy(update=changes))
    run(tmp_path / "one")
    first, second = in_processes(2, run, tmp_path / "two")
    assert first["processes"] == 2
    assert second == {}
    one, two = (read_scores(tmp_path / name).p_clean for name in ("one", "two"))
    np.testing.assert_allclose(two, one, rtol=0, atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["all", "helper stopped", "helper killed"])
def test_stopped_in_the_middle_it_says_so_and_goes_on(how: str, single: Path, tmp_path: Path) -> None:
    run_dir = prepare(tmp_path / "run", tmp_path / "cache")
    process = start(run_dir)
    wait_for_epoch(run_dir, process, 2)
    first = json.loads((run_dir / "lock").read_text())["pid"]
    (helper,) = [each for each in psutil.Process(process.pid).children() if each.pid != first]
    if how == "all":
        process.send_signal(signal.SIGTERM)
    else:
        helper.send_signal(signal.SIGTERM if how == "helper stopped" else signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    status = read_status(run_dir)
    assert status.state == ("failed" if how == "helper killed" and "gone" in status.message else "stopped")
    assert not (run_dir / "lock").exists()
    kept = epochs_kept(run_dir)
    assert 2 <= kept < EPOCHS
    output, _ = start(run_dir).communicate(timeout=280)
    assert [each["epoch"] for each in read_events(run_dir) if each["event"] == "resumed"] == [kept], output
    assert_same(run_dir, single)


@pytest.mark.slow
def test_a_run_that_cannot_be_ends_with_one_sentence(tmp_path: Path) -> None:
    run_dir = prepare(tmp_path / "run", tmp_path / "cache")
    text = (run_dir / "config.toml").read_text()
    (run_dir / "config.toml").write_text(text.replace("views = 1", "views = -1"))
    process = start(run_dir)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert output.count("deft.views is -1") == 1
    assert read_status(run_dir).state == "failed"
    assert "deft.views is -1" in read_status(run_dir).message
