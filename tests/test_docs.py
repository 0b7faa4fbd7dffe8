"""Documentation that is checked: every command, setting, route, error code and file it names."""

import argparse
import ast
import pkgutil
import re
from pathlib import Path

import pytest

import evaluation.__main__
import faces.__main__
import indexer.__main__
import indexer.audit_log.__main__
import indexer.privacy.__main__
import indexer.seal.__main__
import server.__main__
import server.commands.keys
import server.commands.users
from indexer.backup import make, restore, verify
from presente.settings import SETTINGS, Settings
from server.app import create_app
from server.service import ServiceHandle
from tests.conftest import ROOT
from tools.settings_table import documented_table, settings_table

INDEXERS = {
    "ambiguous_photo", "foreign_index", "index_not_empty", "invalid_erasure_list", "invalid_public_key",
    "invalid_receipt", "foreign_erasure_list",
    "erasure_list_unreadable", "no_generation", "not_restored", "not_sealed", "store_in_use",
}  # fmt: skip
"""Codes of the gallery's that only the indexer's commands can meet."""
BACKUPS = {
    "not_a_backup", "backup_too_new", "backup_unwritable", "backup_damaged", "backup_busy", "backup_of_another_store",
    "backup_in_the_clear", "backup_key_changed", "no_such_snapshot", "store_busy", "store_not_empty",
    "erasure_was_asked", "erased_for_good", "restore_unfinished", "restore_busy", "erasure_list_missing",
}  # fmt: skip
"""Codes of the gallery's that only backups and restores can meet."""
NEVER_SERVED = {
    "unknown_pack",
    "photos_needed",
    "too_few_photos",
    "unreadable_folder",
    "store_too_new",
    "too_few_people",
    "too_few_searches",
    "unsuitable_scores",
    "enrolled_twice",
    "stale_log",
    "master_key_wrong",
    "sync_failed",
    "camera_not_found",
    "missing_session",
    "invalid_every",
}
"""Codes of commands and of jobs; no request is refused for them."""

DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "data_sample" / "README.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_table_of_settings_is_the_declared_one() -> None:
    assert documented_table(text("docs/commands.md")) == settings_table(), "run `python -m tools.settings_table`"


def test_every_setting_has_a_row_with_what_it_is_when_nothing_is_set() -> None:
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(SETTINGS) == len(Settings.__dataclass_fields__) - 2  # came_from and texts are none
    for setting, row in zip(SETTINGS, rows, strict=True):
        variable, flag, default, means = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert variable == f"`PRESENTE_{setting.name.upper()}`" and setting.meaning in means
        assert flag == f"`--{setting.name.replace('_', '-')}`" or setting.secret
        assert default in (f"`{setting.default}`", f"`{setting.default}`: {setting.default_means}") or (
            setting.default == "" and default == setting.default_means
        )


def commands() -> list[tuple[str, argparse.ArgumentParser]]:
    """Every command of every program, with its parser."""
    found = [("server", server.__main__.build_parser())]
    for program in (faces, indexer, indexer.audit_log, indexer.privacy, indexer.seal, evaluation):
        parser = program.__main__.build_parser()
        (group,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        found += [(f"{program.__name__} {name}", each) for name, each in group.choices.items()]
    for word, made in (("keys", server.commands.keys.build_parser()), ("users", server.commands.users.build_parser())):
        (group,) = (each for each in made._actions if isinstance(each, argparse._SubParsersAction))
        found += [(f"presente {word} {name}", each) for name, each in group.choices.items()]
    programs = {"backup": make, "restore": restore, "verify-backup": verify}
    return [*found, *((f"presente {word}", program.build_parser()) for word, program in programs.items())]


@pytest.mark.parametrize(("name", "parser"), commands(), ids=[name for name, _ in commands()])
def test_every_command_and_flag_is_documented(name: str, parser: argparse.ArgumentParser) -> None:
    assert f"`python -m {name}" in text("docs/commands.md")
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS)
    for action in parser._actions:
        for flag in set(action.option_strings) - {"-h"}:
            assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", pages), flag


@pytest.mark.parametrize(("name", "parser"), commands(), ids=[name for name, _ in commands()])
def test_help_begins_with_what_the_command_does_and_ends_with_the_settings(
    name: str, parser: argparse.ArgumentParser
) -> None:
    said = parser.format_help()
    about, example, usage = said.split("\n\n")[:3]
    assert about == parser.description and about[0].isupper() and about.endswith(".")
    assert example.startswith(f"example:\n  python -m {name}")
    assert usage.startswith(f"usage: python -m {name}") and "--store" not in usage
    own, settings = said.split("\nsettings:\n")
    for setting in SETTINGS:
        assert setting.variable in settings and setting.variable not in own
        assert setting.secret or str(setting.flag) in settings


def test_every_setting_of_the_tests_is_documented_with_its_default() -> None:
    page = text("docs/tests.md")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    read = dict(re.findall(r'environ\.get\("(PRESENTE_TEST_[A-Z]+)"(?:, "([^"]*)")?\)', source))
    assert len(read) > 8
    for variable, default in read.items():
        assert f"| `{variable}` | {f'`{default}` ' if default else ''}|" in page, variable


def test_every_benchmark_tool_and_target_is_documented() -> None:
    page = text("docs/commands.md")
    for folder in ("benchmarks", "tools"):
        for module in (ROOT / folder).glob("*.py"):
            if "__main__" in module.read_text(encoding="utf-8"):
                assert f"python -m {folder}.{module.stem}" in page
    for module in (ROOT / "tools").rglob("__main__.py"):
        assert f"python -m {'.'.join(module.parent.relative_to(ROOT).parts)}" in page
    targets = re.findall(r"^([a-z]+):.*## ", text("Makefile"), flags=re.MULTILINE)
    assert {"run", "test", "lint"} <= set(targets)
    for target in targets:
        assert f"`make {target}`" in page or target == "clean", target


ROOMS = ("faces", "gallery", "indexer", "server", "evaluation", "client", "presente")


def documented_folders() -> dict[Path, list[str]]:
    """Each folder of docs/architecture.md's table, and what its row says that it imports of its room."""
    rows = re.findall(r"^\| `([\w/]+)/` \|.*\| ([^|]*) \|$", text("docs/architecture.md"), flags=re.MULTILINE)
    return {Path(folder): re.findall(r"`([^`]+)`", imports) for folder, imports in rows if "/" in folder}


def imported(module: Path) -> set[Path]:
    """What a module imports of its own room, as paths below the repository."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            named = [Path(*node.module.split("."), alias.name) for alias in node.names]
            found |= {path if (ROOT / path).is_dir() else path.with_suffix(".py") for path in named}
            found |= {Path(*node.module.split(".")).with_suffix(".py")}
    return {path for path in found if path.parts[0] == module.parts[0] and (ROOT / path).exists()}


def test_architecture_names_every_folder_and_what_it_imports() -> None:
    folders = documented_folders()
    assert all((ROOT / folder).is_dir() for folder in folders)
    for module in (found.relative_to(ROOT) for room in ROOMS for found in (ROOT / room).rglob("*.py")):
        room, inside = module.parts[0], module.parts[1:-1]
        if not inside:
            continue
        folder = next((each for each in [module.parent, *module.parents] if each in folders), None)
        assert folder, f"docs/architecture.md says nothing of {module.parent}"
        for path in imported(module):
            allowed = [Path(room, each) for each in folders[folder]]
            assert (
                path.is_relative_to(folder)
                or any(path.is_relative_to(each) for each in allowed)
                or (Path(room, "*.py") in allowed and path.parent == Path(room))
            ), f"{module} imports {path}"


def test_the_flows_name_functions_that_exist() -> None:
    flows = text("docs/architecture.md").split("\n## ")
    named = [
        name
        for part in flows
        if part.startswith("The flow of one")
        for name in re.findall(r"`((?:" + "|".join(ROOMS) + r")\.[\w.]+)`", part)
    ]
    assert len(named) > 40
    for name in named:
        found = pkgutil.resolve_name(name)
        assert callable(found), name


def test_pages_name_files_that_exist() -> None:
    """Paths in backquotes that begin with a room. CHANGELOG.md and the decisions tell of the past, and are not read."""
    for page in (each for each in DOCS if each.parent.name != "adr" and each.name != "CHANGELOG.md"):
        for path in re.findall(r"`((?:" + "|".join(ROOMS) + r")/[\w./]+)`", page.read_text(encoding="utf-8")):
            assert (ROOT / path).exists() or "NAME" in path, f"{page.name}: {path}"


def test_every_route_is_documented() -> None:
    page = text("docs/http.md")
    for rule in create_app(ServiceHandle(), 1).url_map.iter_rules():
        if rule.rule.startswith("/console/"):
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:  # type: ignore[operator]
            assert re.search(rf"`{method} {re.escape(rule.rule)}[`?]", page), f"{method} {rule.rule}"


def test_every_error_code_of_a_request_is_documented() -> None:
    page = text("docs/http.md")
    pattern = re.compile(
        r"(?:InvalidInput|PhotoRefused|NotFound|NotSupported|Unauthorized|Forbidden|Conflict|StoreError|Busy)\(\s*\"([a-z_0-9]+)\""
    )
    checked = 0
    for folder in ("server", "faces", "gallery"):
        for module in (ROOT / folder).rglob("*.py"):
            for code in pattern.findall(module.read_text(encoding="utf-8")):
                checked += 1
                if code in INDEXERS:
                    assert f"`{code}`" in text("docs/commands.md")
                elif code in BACKUPS:
                    assert f"`{code}`" in text("docs/backup.md")
                elif code not in NEVER_SERVED:
                    assert f"`{code}`" in page, f"{module.name}: {code}"
    assert checked > 100


def anchors(page: Path) -> set[str]:
    """The names by which links reach a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_the_glossary_explains_every_word_once_with_a_page() -> None:
    entries = re.findall(r"^- (.+)$", text("docs/glossary.md"), flags=re.MULTILINE)
    words = [word.lower() for entry in entries for word in re.findall(r"\*\*([^*]+)\*\*", entry)]
    assert len(words) == len(set(words))
    assert {"cohort", "template", "subject", "gallery", "generation", "probe", "fpir", "fnir", "fta", "matricula"} <= {
        *words
    }
    assert {"clase", "session", "pack", "operating point", "calibration", "ambiguous", "desconocido"} <= {*words}
    for entry in entries:
        assert "](" in entry, entry
