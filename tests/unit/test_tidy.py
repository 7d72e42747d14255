"""What can be counted about the tree is held here; what cannot is for the eye."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("engine", "actions", "reports", "scenarios", "benchmarks", "tests")
PRODUCT = ("engine", "actions", "reports")
FILE_LINES_MAX = 420
"""About 300 is the aim; the vocabulary of a contract may be longer."""
FUNCTION_LINES_MAX = 70
BANNED = {"utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "misc"}
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs")


def files(*folders: str) -> list[Path]:
    """The Python files of folders at the root."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, nested ones included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_tree_is_seen() -> None:
    """The rules below are asked of real files."""
    assert len(files(*PRODUCT)) > 100


@pytest.mark.parametrize("folder", CODE)
def test_files_and_functions_are_short(folder: str) -> None:
    """No file and no function is longer than its bound."""
    long = [
        f"{relative(path)}: {count} lines"
        for path in files(folder)
        if (count := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]
    long += [
        f"{relative(path)}:{found.lineno}: {found.name} has {lines} lines"
        for path in files(folder)
        for found in functions(path)
        if (lines := (found.end_lineno or 0) - found.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_names_are_nouns_of_the_field() -> None:
    """No module or folder has a name that says nothing."""
    named = [path for path in files(*CODE) if BANNED & {path.stem, *path.parent.parts}]
    assert not [relative(path) for path in named]


def test_every_module_and_public_name_is_documented() -> None:
    """Every module has a docstring, and so has every public function and class of the product."""
    bare = []
    for path in files(*CODE):
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree) and path.read_text().strip():
            bare.append(relative(path))
        if relative(path).partition("/")[0] not in PRODUCT:
            continue
        bare += [
            f"{relative(path)}:{node.lineno}: {node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if not node.name.startswith("_") and not ast.get_docstring(node)
        ]
    assert not bare, "\n".join(bare)


def test_every_test_says_what_it_promises() -> None:
    """Every test has a docstring."""
    silent = [
        f"{relative(path)}:{found.lineno}: {found.name}"
        for path in files("tests")
        if path.name.startswith("test_")
        for found in functions(path)
        if found.name.startswith("test_") and not ast.get_docstring(found)
    ]
    assert not silent, "\n".join(silent)


def test_no_shell_is_asked_for() -> None:
    """No process is started through a shell of Python's choosing."""
    calls = [
        f"{relative(path)}:{node.lineno}"
        for path in files(*CODE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword)
        if node.arg == "shell" and isinstance(node.value, ast.Constant) and node.value.value is True
    ]
    assert not calls


def test_imports_are_absolute_and_of_the_package() -> None:
    """Nothing imports by a relative path, or a folder by its bare name."""
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in files(*PRODUCT, "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        if node.level or (node.module or "").partition(".")[0] in PRODUCT
    ]
    assert not wrong


def test_texts_speak_of_the_project_alone() -> None:
    """No comment or page holds a note to oneself or the number of an issue."""
    texts = files(*CODE)
    for name in DOCUMENTS:
        path = ROOT / name
        texts += sorted(path.rglob("*.md")) if path.is_dir() else [path]
    note = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b|\b[Ii]ssue\s+#?\d|\(#\d+\)")
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in texts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if note.search(line)
    ]
    assert not found, "\n".join(found)
