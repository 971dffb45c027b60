"""What a learning platform delivers: a folder of submissions, or one zip of a whole class."""

import os
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

LARGEST = 2**32  # bytes of a class, unpacked
MOST = 50_000  # files


@contextmanager
def unpacked(path):
    """Give a folder of submissions: the path itself, or for a zip a temporary folder with what is in it.

    Files keep the time that the zip has for them, because of two versions the newer one counts.

    Parameters
    ----------
    path : path
        A folder, or a zip as Moodle and Canvas hand it out.

    Raises
    ------
    ValueError
        If the file is no zip, or if it would fill the disk.
    """
    if not Path(path).is_file():
        yield path
        return
    if not zipfile.is_zipfile(path):
        one = f"; `make check NOTEBOOK={path}` judges one notebook" if Path(path).suffix == ".ipynb" else ""
        raise ValueError(f"SUBMISSIONS must be a folder or a zip of a whole class, got {str(path)!r}{one}")
    with zipfile.ZipFile(path) as packed, tempfile.TemporaryDirectory() as folder:
        entries = [entry for entry in packed.infolist() if not entry.is_dir()]
        size = sum(entry.file_size for entry in entries)
        if size > LARGEST or len(entries) > MOST:
            raise ValueError(f"SUBMISSIONS must hold at most {LARGEST >> 30} GB in {MOST} files, got {str(path)!r}")
        for entry in entries:
            where = packed.extract(entry, folder)
            made = time.mktime((*entry.date_time, 0, 0, -1))
            os.utime(where, (made, made))
        yield Path(folder)
