"""The Python of every page runs, from top to bottom, and prints what the page says."""

import doctest
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def differences(page, text):
    """What the ``python`` blocks of a page print, where it is not what a ``text`` block after them shows."""
    namespace, printed, found = {"__name__": page}, "", []
    for kind, body in BLOCK.findall(text):
        if kind == "python":
            output = StringIO()
            with redirect_stdout(output):
                exec(compile(body, page, "exec"), namespace)
            printed = output.getvalue()
        elif not doctest.OutputChecker().check_output(body, printed, doctest.ELLIPSIS):
            found.append(f"{page} shows\n{body}but prints\n{printed}")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert differences(path.name, path.read_text()) == []


def test_a_wrong_page_is_noticed():
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    assert differences("wrong", page) == ["wrong shows\n3\nbut prints\n2\n"]
    assert differences("right", page.replace("3", "2")) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []
