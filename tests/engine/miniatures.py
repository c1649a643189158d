"""The papers' benchmarks in miniature, in the files and formats in which they are published."""

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
LAND = ["AnnualCrop", "Forest", "SeaLake"]


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def picture(path: Path, colour: int = 0, size: tuple[int, int] = (9, 7)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = np.random.RandomState(colour).randint(0, 256, size=(size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(shade).save(path)


def dump(path: Path, value: object, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol))


def pixels(n: int, seed: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, size=(n, 3072)).astype(np.uint8)


def cifar10(root: Path, n: int = 20, protocol: int = 2) -> Path:
    folder = root / "cifar-10-batches-py"
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        labels = [(seed + i) % 10 for i in range(n)]
        batch = {
            b"batch_label": b"x",
            b"labels": labels,
            b"data": pixels(n, seed),
            b"filenames": [b"a.png"] * n,
        }
        dump(folder / name, batch, protocol)
    dump(folder / "batches.meta", {b"label_names": [name.encode() for name in CIFAR10], b"num_vis": 3072})
    return root


def cifar100(root: Path, n: int = 200) -> Path:
    folder = root / "cifar-100-python"
    for seed, name in enumerate(["train", "test"]):
        fine = [i % 100 for i in range(n)]
        coarse = [k % 20 for k in fine]
        dump(folder / name, {b"fine_labels": fine, b"coarse_labels": coarse, b"data": pixels(n, seed)})
    names = [f"sea_thing_{k:03d}".encode() for k in range(100)]
    dump(folder / "meta", {b"fine_label_names": names, b"coarse_label_names": [b"c"] * 20})
    return root


def tiny_imagenet(root: Path) -> Path:
    folder = root / "tiny-imagenet-200"
    write(folder / "wnids.txt", "n03", "n01", "n02")
    write(folder / "words.txt", "n01\tgoldfish, Carassius auratus", "n02\tcrane", "n03\tcrane, lifting crane")
    for wnid in ("n01", "n02", "n03"):
        for i in range(3):
            picture(folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", i)
    write(
        folder / "val" / "val_annotations.txt", "val_0.JPEG\tn03\t0\t0\t62\t62", "val_1.JPEG\tn01\t0\t0\t9\t9"
    )
    for i in range(2):
        picture(folder / "val" / "images" / f"val_{i}.JPEG", i)
    return root


def eurosat(root: Path, n: int = 10, coop: bool = False) -> Path:
    for k, name in enumerate(LAND):
        for i in range(n):
            picture(root / "2750" / name / f"{name}_{i}.jpg", 100 * k + i)
    if coop:
        rows = [
            [f"{name}/{name}_{i}.jpg", k, f"{name} Land"] for k, name in enumerate(LAND) for i in range(n)
        ]
        split = {"train": rows[::2], "val": rows[1::4], "test": rows[3::4]}
        write(root / "split_zhou_EuroSAT.json", json.dumps(split))
    return root


def pets(root: Path) -> Path:
    folder = root / "oxford-iiit-pet"
    write(
        folder / "annotations" / "trainval.txt",
        "#Image CLASS-ID SPECIES BREED ID",
        *("Abyssinian_100 1 1 1", "american_bulldog_7 2 2 1", "Abyssinian_101 1 1 1"),
    )
    write(folder / "annotations" / "test.txt", "american_bulldog_9 2 2 1", "Abyssinian_201 1 1 1")
    picture(folder / "images" / "Abyssinian_100.jpg")
    return root


def cars(root: Path, test: bool = True) -> Path:
    from scipy.io import savemat

    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = np.asarray(["Acura RL Sedan 2012", "AM General Hummer SUV 2000"], dtype=object)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    kinds = [("bbox_x1", "O"), ("class", "O"), ("fname", "O")]

    def annotations(path, rows):
        found = np.asarray([(1, label, name) for name, label in rows], dtype=kinds)
        savemat(path, {"annotations": found[None]})

    annotations(
        folder / "devkit" / "cars_train_annos.mat", [("00001.jpg", 2), ("00002.jpg", 1), ("00003.jpg", 2)]
    )
    if test:
        annotations(folder / "cars_test_annos_withlabels.mat", [("00001.jpg", 1)])
    picture(folder / "cars_train" / "00001.jpg")
    return root


def cub(root: Path) -> Path:
    folder = root / "CUB_200_2011"
    write(folder / "classes.txt", "1 001.Black_footed_Albatross", "2 002.Laysan_Albatross")
    write(
        folder / "images.txt",
        "1 001.Black_footed_Albatross/B_1.jpg",
        "2 001.Black_footed_Albatross/B_2.jpg",
        "3 002.Laysan_Albatross/L_1.jpg",
    )
    write(folder / "image_class_labels.txt", "1 1", "2 1", "3 2")
    write(folder / "train_test_split.txt", "1 0", "2 1", "3 1")
    picture(folder / "images" / "001.Black_footed_Albatross" / "B_2.jpg")
    return root


def webvision(root: Path, imagenet: bool = True) -> Path:
    info = root / "info"
    write(info / "synsets.txt", *(f"n{k:08d} thing {k}, other word" for k in range(60)))
    write(
        info / "train_filelist_google.txt",
        *(f"google/q{i:04d}/{i}.jpg {i}" for i in range(60)),
        "google/q0001/z.jpg 1",
    )
    write(info / "val_filelist.txt", "val000001.jpg 55", "val000002.jpg 3", "val000003.jpg 49")
    for i in range(60):
        picture(root / "google" / f"q{i:04d}" / f"{i}.jpg", i)
    if imagenet:
        for k in (0, 7, 55):
            picture(root / "ILSVRC2012_val" / f"n{k:08d}" / "v.JPEG", k)
    return root


def clothing1m(root: Path) -> Path:
    shop = {f"images/0/{i}.jpg": i % 14 for i in range(6)}
    people = {"images/0/4.jpg": 9, "images/0/5.jpg": 5, "images/1/1.jpg": 13, "images/1/2.jpg": 0}
    write(root / "noisy_label_kv.txt", *(f"{path} {k}" for path, k in shop.items()))
    write(root / "clean_label_kv.txt", *(f"{path} {k}" for path, k in people.items()))
    write(root / "noisy_train_key_list.txt", *list(shop)[:4])
    write(root / "clean_train_key_list.txt", "images/0/4.jpg")
    write(root / "clean_test_key_list.txt", "images/1/2.jpg", "images/1/1.jpg")
    for path in {**shop, **people}:
        picture(root / path)
    return root
