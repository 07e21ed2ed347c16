"""Triples as text, one in a line: head TAB relation TAB tail, UTF-8. What is malformed is refused where it stands."""

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import DataError

Array = Any
Watch = Callable[[str, int, int], None]

LONGEST = 1 << 16  # bytes in a line: a file without line ends is refused before it fills the memory
_EXPECTED = "expected head TAB relation TAB tail, in UTF-8"
_CELLS = ("head", "relation", "tail")
_HEADERS = {(b"head", b"relation", b"tail"), (b"subject", b"predicate", b"object")}
_BOM, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def read_lines(path: Path, entities: dict[bytes, int], relations: dict[bytes, int], watch: Watch) -> Array:
    """Read the triples of a file, and number names that come for the first time.

    Parameters
    ----------
    path : pathlib.Path
    entities, relations : dict of bytes to int
        Names known so far; new ones are added, in the order of the file.
    watch : callable
        Told the file's name, bytes read, and bytes there are, every 65,536 lines.

    Returns
    -------
    (T, 3) int32 array
        In the order of the file.

    Raises
    ------
    DataError
        A line is malformed, or there is none; the message names file, line and column.
    OSError
        The file cannot be read.
    """
    found, size = array("i"), path.stat().st_size
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), 1):
            cells = line.split(b"\t") if len(line) <= LONGEST else []
            try:
                head, relation, tail = cells
                found.extend((entities[head], relations[relation], entities[tail]))
            except (KeyError, ValueError):  # a known name was checked when it was new: only others cost a look
                if fault := _fault(line, cells):
                    raise DataError(f"{path}:{number}:{fault}; {_EXPECTED}") from None
                for name, known in zip(cells, (entities, relations, entities), strict=True):
                    found.append(known.setdefault(name, len(known)))
            if not number & 0xFFFF:
                watch(f"reading {path.name}", file.tell(), size)
    if not found:
        raise DataError(f"{path}: the file is empty; {_EXPECTED}, one triple in a line")
    return np.array(found, np.int32).reshape(-1, 3)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends, LF or CRLF, and without a byte order mark; of an endless one its beginning."""
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)
    while line := file.readline(LONGEST + 2):
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _fault(line: bytes, cells: list[bytes]) -> str:
    """Say what is wrong with a line, after the column where that helps; nothing where nothing is."""
    if len(line) > LONGEST:
        return f" the line is longer than {LONGEST:,} bytes"
    if line.startswith(_UTF16):
        return " the text is UTF-16"
    if len(cells) != len(_CELLS):
        return _count_fault(line, cells)
    if tuple(cell.strip().lower() for cell in cells) in _HEADERS:
        return " a header; every line must be a triple"
    faults = ((place, *fault) for place, cell in enumerate(cells) if (fault := _cell_fault(cell)))
    return next((f"{_column(line, cells, p, byte)} {what.format(_CELLS[p])}" for p, what, byte in faults), "")


def _count_fault(line: bytes, cells: list[bytes]) -> str:
    if not line:
        return " the line is empty"
    if len(cells) < len(_CELLS):
        return f" {len(cells)} {'cells' if len(cells) > 1 else 'cell'} instead of 3"
    quotes = " (quotation marks are part of a name, a tab between them is a tab)" if b'"' in line else ""
    return f"{_column(line, cells, len(_CELLS))} {len(cells)} cells instead of 3{quotes}"


def _cell_fault(cell: bytes) -> tuple[str, int] | None:
    """What is wrong with a name, and at which byte of it."""
    try:
        name = cell.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"byte 0x{cell[error.start]:02x} in the {{}} is not UTF-8", error.start
    if not name or name.isspace():
        return "the {} is empty", 0
    for byte, what in ((b"\0", "NUL byte"), (b"\r", "carriage return")):
        if byte in cell:
            return f"a {what} in the {{}}", cell.index(byte)
    return None


def _column(line: bytes, cells: list[bytes], place: int, offset: int = 0) -> str:
    """The column, counted in characters from 1, of a byte of a cell."""
    before = sum(len(cell) + 1 for cell in cells[:place]) + offset
    return f"{len(line[:before].decode('utf-8', 'replace')) + 1}:"
