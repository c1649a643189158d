import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from engine.rows import RowCache


def open_cache(folder):
    return RowCache(folder, "toy", (2, 3), "float32")


def row(value):
    return np.full((2, 3), value, dtype=np.float32)


@pytest.fixture
def filled(tmp_path):
    with open_cache(tmp_path) as cache:
        cache.append(["a", "b"], [row(1), row(2)], {"broken": "is empty"})
    return tmp_path


def test_rows_come_back_in_the_order_asked_for(filled):
    with open_cache(filled) as cache:
        rows = cache.read(["b", "a", "b"])
    assert isinstance(rows.store, np.memmap)
    np.testing.assert_array_equal(rows.take(slice(None))[:, 0, 0], [2, 1, 2])
    np.testing.assert_array_equal(rows.take([1])[0], row(1))


def test_only_new_keys_are_missing_and_a_fault_is_not(filled):
    with open_cache(filled) as cache:
        assert cache.missing(["b", "c", "broken", "c"]) == ["c"]
        assert cache.faults == {"broken": "is empty"}


def test_a_torn_last_line_is_cut_off_and_its_row_written_anew(filled):
    index = filled / "toy.index"
    index.write_bytes(index.read_bytes() + b'{"key": "c", "ro')
    with open_cache(filled) as cache:
        assert cache.missing(["a", "b", "c"]) == ["c"]
        cache.append(["c"], [row(3)])
    with open_cache(filled) as cache:
        np.testing.assert_array_equal(cache.read(["a", "c"]).take(slice(None))[:, 0, 0], [1, 3])


def test_rows_without_a_line_are_overwritten(filled):
    with (filled / "toy.rows").open("ab") as file:
        file.write(row(9).tobytes() + b"half")
    with open_cache(filled) as cache:
        cache.append(["c"], [row(3)])
        np.testing.assert_array_equal(cache.read(["c"]).take(0), row(3))


def test_a_line_whose_row_never_reached_the_disk_does_not_count(filled):
    os.truncate(filled / "toy.rows", 30)
    with open_cache(filled) as cache:
        assert cache.missing(["a", "b"]) == ["b"]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense\n", b'{"shape": [9], "dtype": "<f4"}\n{"key": "a", "row": 0}\n']
)
def test_an_index_of_another_kind_starts_the_store_over(filled, content):
    (filled / "toy.index").write_bytes(content)
    with open_cache(filled) as cache:
        assert cache.missing(["a"]) == ["a"]
        cache.append(["a"], [row(5)])
        np.testing.assert_array_equal(cache.read(["a"]).take(0), row(5))


def test_a_key_may_hold_any_character_of_a_file_name(tmp_path):
    keys = ["naïve\t1", "two\nlines", "\udcff not utf-8", '"quoted"', "\u2028"]
    with open_cache(tmp_path) as cache:
        cache.append(keys, [row(i) for i in range(len(keys))])
    with open_cache(tmp_path) as cache:
        assert cache.missing(keys) == []
        np.testing.assert_array_equal(cache.read(keys).take(slice(None))[:, 0, 0], np.arange(len(keys)))


def test_an_empty_store_can_be_read(tmp_path):
    with open_cache(tmp_path) as cache:
        assert cache.read([]).take(slice(None)).shape == (0, 2, 3)


def test_a_process_killed_while_it_appends_leaves_only_whole_rows(tmp_path):
    script = textwrap.dedent(
        """
        import sys, numpy as np
        from pathlib import Path
        from engine.rows import RowCache
        with RowCache(Path(sys.argv[1]), "toy", (2, 3), "float32") as cache:
            for i in range(10**6):
                cache.append([str(i)], [np.full((2, 3), i)])
                if i == 20:
                    print("now", flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with open_cache(tmp_path) as cache:
        keys = list(cache.positions)
        assert len(keys) > 20
        values = cache.read(keys).take(slice(None))
    np.testing.assert_array_equal(values, np.asarray([row(int(key)) for key in keys]))
