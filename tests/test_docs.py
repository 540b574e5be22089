"""The README and the documentation: links, figures and lists are right, and the commands can be given in order."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.locks_table import markdown, summaries
from naslib_archlock.commands.main import COMMANDS, main
from naslib_archlock.spaces.known import SPACES
from naslib_archlock.studies.methods import KINDS

REPO = Path(__file__).resolve().parents[1]
README = REPO / "README.md"
DOCS = REPO / "docs"
PAGES = [README, REPO / "CHANGELOG.md", *(path for name in ("docs", "experiments", "benchmarks", "examples")
                                         for path in sorted((REPO / name).rglob("*.md")))]  # fmt: skip
# The pages whose commands are given one after the other, in one folder.
GUIDES = ("start.md", "guides/images.md", "guides/naslib.md", "explanation/attacks.md", "guides/audits.md")
# Other settings of the same commands, so that they take seconds. The last value of an option or a key counts.
SHORTER = {
    "search": "archlock.image_size 12 search.epochs 20",
    "audit": "--jobs 1 archlock.image_size 12 audit.epochs 1 audit.seeds 1 audit.fractions 100",
    "train-ranker": "archlock.hidden 16",
    "proxies": "--cells 30 --proxies nwot,params --image-size 8 --batch-size 4 --subsets 1 --jobs 1",
    "embed": "",
    "export": "",
    "doctor": "",
}
# These take minutes or need a GPU, and have tests of their own: the whole audit, and an audit at full size.
LEFT_OUT = (r"archlock audit$", r"archlock.device cuda")
_LINK = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]+))?\)")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def outputs(page: Path) -> list[str]:
    """What the page shows of the output of commands."""
    return re.findall(r"```text\n(.*?)```", read(page), re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as both GitHub and the site make them."""
    titles = re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_each_link_leads_somewhere(page):
    for link, anchor in _LINK.findall(without_code(read(page))):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(read(target)), f"{link}#{anchor}"


def test_each_page_that_the_code_or_a_page_names_exists():
    """Our pages have names of small letters; the code also names a page of NASLib, which has not."""
    files = [*REPO.glob("*.*"), *REPO.glob("naslib_archlock/**/*.py"), *REPO.glob("naslib_archlock/**/*.yaml"), *PAGES]
    for path in files:
        if path.is_file() and path.name != "CHANGELOG.md":
            for named in re.findall(r"\bdocs/[a-z_/]+\.(?:md|py)\b", read(path)):
                assert (REPO / named).is_file(), f"{path.name}: {named}"


# -- the README --------------------------------------------------------------------------------------------------------


def test_the_readme_is_a_screen_and_a_half():
    words = re.sub(r"\]\([^)]*\)", "]", read(README)).split()
    assert len(words) < 700
    assert len(read(README).splitlines()) < 100


def test_the_output_in_the_readme_is_some_of_that_on_the_start_page():
    """It lacks columns, so that it is narrow."""
    (of_readme,) = outputs(README)
    whole = [set(line.split()) for line in searches_of_start()[0][1].splitlines()]
    for line in of_readme.partition("200 source")[0].splitlines():
        assert any(set(line.split()) <= words for words in whole), line


# -- the start page ----------------------------------------------------------------------------------------------------


def searches_of_start() -> list[tuple[str, str]]:
    """The searches on the start page, each with what the page shows of its output."""
    shown = r"```console\n\$ archlock (search [^`]*)```.*?```text\n(.*?)```"
    return re.findall(shown, read(DOCS / "start.md"), re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), searches_of_start(), ids=lambda text: "")
def test_the_start_page_shows_what_its_searches_print(command, shown, tmp_path, capsys):
    """But for the seconds."""
    assert main([*shlex.split(command.replace("\\\n", "")), "out_dir", str(tmp_path)]) == 0
    assert shown.partition("; search")[0] in capsys.readouterr().out


def test_the_start_page_begins_with_the_searches_of_the_demo():
    """Those that make demo runs, and the first that it says to try next."""
    makefile = read(REPO / "Makefile")
    found = re.findall(r"\$\(DEMO\)([^#\"\n]*)", makefile)
    (demo,) = re.findall(r"DEMO := \$\(BIN\)/archlock (.*)", makefile)
    words = [shlex.split(command.replace("\\\n", "")) for command, _ in searches_of_start()]
    assert words == [[*demo.split(), *more.split()] for more in found]


# -- figures -----------------------------------------------------------------------------------------------------------

_LOCKS = "experiments/transfer_locks/README.md"
# What a page says -> the page that shows it, and how it is said there.
SAID = [
    (README, "2.1 times the images (95% interval 1.2 to 3.7)", _LOCKS, "2.1 [1.2, 3.7] times the"),
    (README, "gives up 0.4 points of source accuracy", _LOCKS, "gives up 0.4 points of source accuracy"),
    (README, "that takes 24 points from the attacker, and the architecture 7", _LOCKS,
     "attacker loses 24 points, and the lock of the architecture takes 7"),
    (README, "architecture with the fewest weights is as good on average there", _LOCKS, '"Fewest weights" is as good'),
    (DOCS / "explanation/attacks.md", "2.0 [1.2, 3.3] times", _LOCKS, "1.99 [1.21, 3.28]"),
    (DOCS / "explanation/attacks.md", "1.4 [1.0, 2.1] times", _LOCKS, "1.45 [1.01, 2.09]"),
    (DOCS / "explanation/attacks.md", "2.2 [1.0, 5.0] times", _LOCKS, "2.23 [1.00, 4.96]"),
    (DOCS / "explanation/attacks.md", "takes 0.4 ± 2.4 points from it with 10 images", _LOCKS, "takes 0.4 ± 2.4"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "said", "source", "shown"), SAID, ids=lambda value: None)
def test_a_figure_is_that_of_the_experiment(page, said, source, shown):
    assert said in " ".join(read(page).split())
    assert shown in " ".join(read(REPO / source).split())


def test_the_table_of_attacks_is_that_of_the_experiment():
    """The experiment's rows hold intervals beside the means."""
    lines = re.findall(r"^(S|lock|S, weight lock|lock, weight lock)  +(.*)$", read(REPO / _LOCKS), re.MULTILINE)
    means = {name: re.findall(r"(\d+\.\d) ±", figures) for name, figures in lines}
    rows = re.findall(r"^\| [^|]+((?:\| \d+\.\d )+)\|$", read(DOCS / "explanation" / "attacks.md"), re.MULTILINE)
    order = ("S", "lock", "S, weight lock", "lock, weight lock")
    assert [re.findall(r"\d+\.\d", row) for row in rows] == [means[name] for name in order]


def test_the_drawing_of_an_attack_has_the_figures_of_the_experiment():
    drawn = re.findall(r">(\d+\.\d) %<", read(DOCS / "explanation" / "images" / "attack.svg"))
    page = read(DOCS / "explanation" / "attacks.md")
    best, lock = (re.search(rf"\| {re.escape(row)} \|(.*)\|", page)[1].split(" | ") for row in
                  ("the cell of scheme S", "architecture lock (TK + 20 on transfer)"))  # fmt: skip
    assert drawn == [best[0].strip(), best[2], lock[0].strip(), lock[2]]


def test_the_tables_of_locks_are_what_their_command_prints():
    page, summary = read(DOCS / "explanation" / "lock_quality.md"), summaries()
    assert markdown(summary, "target_percentile", 1, min) in page
    assert markdown(summary, "lock_score", 2, max) in page


# -- lists -------------------------------------------------------------------------------------------------------------


def test_each_method_of_a_study_and_each_search_space_is_listed():
    studies, files = read(DOCS / "studies.md"), read(DOCS / "guides" / "benchmark_files.md")
    assert [name for name in KINDS if f"`{name}`" not in studies] == []
    assert [name for name in SPACES if f"| `{name}` |" not in files] == []


def test_each_file_of_a_run_and_each_key_of_its_result_is_listed(tmp_path):
    from naslib_archlock.locking.run_folder import read_result

    assert main(["search", "search_space", "digits_domains", "dataset", "plain", "archlock.target", "faint",
                 "archlock.lock_on", "transfer", "out_dir", str(tmp_path), "search.epochs", "20",
                 "archlock.source_queries", "20"]) == 0  # fmt: skip
    (result,) = tmp_path.rglob("result.json")
    page = read(DOCS / "reference" / "files.md")
    assert [path.name for path in result.parent.iterdir() if f"`{path.name}`" not in page] == []
    assert [key for key in read_result(result.parent) if f"`{key}`" not in page] == []


# -- commands ----------------------------------------------------------------------------------------------------------


def commands() -> list[list[str]]:
    """The commands of the guides that ``SHORTER`` knows, in order."""
    return [argv for argv in _all_commands() if argv[0] in SHORTER]


def _all_commands() -> Iterator[list[str]]:
    for page in GUIDES:
        for block in re.findall(r"```console\n(.*?)```", read(DOCS / page), re.DOTALL):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                command = line.partition(" #")[0].strip()
                if command.startswith("$ archlock ") and not any(re.search(part, command) for part in LEFT_OUT):
                    yield shlex.split(command)[2:]


def test_the_guides_have_the_commands_that_are_tried_here():
    assert len(commands()) >= 16
    assert {argv[0] for argv in commands()} == set(SHORTER)
    assert {argv[0] for argv in _all_commands()} <= {command.name for command in COMMANDS}


@pytest.mark.slow
@pytest.mark.naslib
@pytest.mark.usefixtures("fast_training", "few_steps")
def test_each_command_runs_after_all_the_others(tmp_path, digit_images, monkeypatch, capsys):
    """The whole list is given twice, so that each command meets what every other one has left."""
    names = (
        ("mine", "low"),
        ("theirs", "high"),
        ("flowers", "low"),
        ("cars", "shapes"),
        ("clothes", "low"),
        ("others", "high"),
    )
    for name, images in names:
        shutil.copytree(digit_images[images], tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    for again in (False, True):
        for argv in commands():
            # a file that cost hours is only replaced when the user says so
            replace = ["--overwrite"] if again and argv[0] in ("train-ranker", "proxies") else []
            code = main([argv[0], *replace, *argv[1:], *shlex.split(SHORTER[argv[0]])])
            assert code == 0, f"{shlex.join(argv)}\n{capsys.readouterr().err}"
