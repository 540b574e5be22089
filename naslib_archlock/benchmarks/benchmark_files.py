"""The files of public benchmarks: what they are called, what they hold, and where their authors offer them.

Addresses, sizes, digests and licences are those that the authors publish. What they do not publish is empty here, and
is shown as "not published". Nothing here is downloaded or read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..proxies.zero_cost import zero_cost_file_name
from ..spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from ..spaces.space import SearchSpace

_DRIVE_FILE = "https://drive.google.com/file/d/{}/view"


@dataclass(frozen=True)
class BenchmarkFile:
    """A file of a public benchmark, under the name that NASLib reads it by.

    Attributes:
        name: Its name in NASLib's data folder.
        spaces: The names of the search spaces that it is read for.
        tasks: The tasks that the file of the authors holds.
        benchmark: The benchmark that it belongs to.
        is_zero_cost: Whether it holds zero-cost scores. Else it holds accuracies.
        page: The address of a page that offers it.
        drive_id: Its identifier on Google Drive, if it is offered there as a single file.
        url: The address that it can be downloaded from without a browser; empty if there is none.
        size: Its size as its authors publish it.
        sha256: Its SHA-256 as its authors publish it.
        licence: The licence of the data.
        said_by: Where these facts are published.
        remark: What else one must know to get it, as a sentence.
    """

    name: str
    spaces: tuple[str, ...]
    tasks: tuple[str, ...]
    benchmark: str
    page: str
    licence: str
    said_by: str
    is_zero_cost: bool = False
    drive_id: str = ""
    url: str = ""
    size: str = ""
    sha256: str = ""
    remark: str = ""

    @property
    def holds(self) -> str:
        """What it holds, in words."""
        return "zero-cost scores" if self.is_zero_cost else f"accuracies on {', '.join(self.tasks)}"

    def how_to_get(self, folder: Path) -> str:
        """Say how to get the file.

        Args:
            folder: Where the file is to be.

        Returns:
            A text that goes on after "get it: ".
        """
        target = folder / self.name
        if self.url:
            return f"archlock data fetch {self.name} --dir {folder}"
        if self.drive_id:
            return f"gdown {self.drive_id} -O {target} (pip install gdown), or open {self.page} in a browser"
        return f"open {self.page} in a browser, and put the file at {target}"


def _nasbench201(
    name: str, task: str, drive_id: str, size: str = "", said_by: str = "README.md of NASLib, branch Develop"
) -> BenchmarkFile:
    """An accuracy file of NAS-Bench-201, as NASLib's authors made it."""
    return BenchmarkFile(
        name,
        (NASBENCH201.name,),
        (task,),
        "NAS-Bench-201",
        page=_DRIVE_FILE.format(drive_id),
        licence="MIT",
        said_by=said_by,
        drive_id=drive_id,
        size=size,
    )


def _zero_cost(space: SearchSpace, tasks: tuple[str, ...], drive_id: str) -> BenchmarkFile:
    """A file of NAS-Bench-Suite-Zero."""
    return BenchmarkFile(
        zero_cost_file_name(space),
        (space.name,),
        tasks,
        "NAS-Bench-Suite-Zero",
        page=_DRIVE_FILE.format(drive_id),
        licence="Apache-2.0",
        said_by="README.md and docs/DATASHEET.md of NASLib, branch zerocost",
        is_zero_cost=True,
        drive_id=drive_id,
    )


# The names of the accuracy files are those in NASLib's utils/get_dataset_api.py.
FILES: tuple[BenchmarkFile, ...] = (
    _nasbench201(
        "nb201_cifar10_full_training.pickle",
        "cifar10",
        "1sh8pEhdrgZ97-VFBVL94rI36gedExVgJ",
        size="117 MB",
        said_by="README.md and tutorial/colab_test.ipynb of NASLib, branch Develop",
    ),
    _nasbench201("nb201_cifar100_full_training.pickle", "cifar100", "1hV6-mCUKInIK1iqZ0jfBkcKaFmftlBtp"),
    _nasbench201("nb201_ImageNet16_full_training.pickle", "ImageNet16-120", "1FVCn54aQwD6X6NazaIZ_yjhj47mOGdIH"),
    BenchmarkFile(
        "nb201_ninapro_full_training.pickle",
        (NASBENCH201.name,),
        ("ninapro",),
        "NAS-Bench-360",
        page="https://drive.google.com/drive/folders/1LvfKgYhgx9g9ZV5bbvuxBZN2YwP0Ku6z",
        licence="",
        said_by="scripts/prestore_nasbench360.py of NASLib, branch Develop",
        remark="the folder holds NATS-tss-v1_0-daa55.pickle, from which NASLib's scripts/prestore_nasbench360.py makes "
        "the file; that script unpickles what you give it",
    ),
    BenchmarkFile(
        "transnas-bench_v10141024.pth",
        (TRANSBENCH101_MICRO.name, TRANSBENCH101_MACRO.name),
        TRANSBENCH101_MICRO.tasks,
        "TransNAS-Bench-101",
        page="https://drive.google.com/drive/folders/1HlLr2ihZX_ZuV3lJX_4i7q4w-ZBdhJ6o",
        licence="MIT",
        said_by="an author's answer in https://github.com/yawen-d/TransNASBench/issues/6",
        remark="the page at www.noahlab.com.hk that NASLib's README names has lacked it since 2023, users report",
    ),
    _zero_cost(NASBENCH201, ("cifar10", "cifar100", "ImageNet16-120"), "1R7n7GpFHAjUZpPISzbhxH0QjubnvZM5H"),
    _zero_cost(TRANSBENCH101_MICRO, TRANSBENCH101_MICRO.tasks, "1SBOVAyhLCBTAJiU_fo7hLRknNrGNqFk7"),
    _zero_cost(TRANSBENCH101_MACRO, TRANSBENCH101_MACRO.tasks, "1teH8JcQsamZngUD_DMQyNkCoUYYSTM0M"),
)


def files_of(space: SearchSpace) -> list[BenchmarkFile]:
    """The files that NASLib reads for a search space, first those of accuracies. An embedded space has none."""
    return [file for file in FILES if space.name in file.spaces]


def accuracy_files(space: SearchSpace) -> dict[str, str]:
    """Task -> the name of the file in NASLib's data folder that holds its accuracies, in the order of the space."""
    by_task = {task: file.name for file in files_of(space) if not file.is_zero_cost for task in file.tasks}
    return {task: by_task[task] for task in space.tasks}
