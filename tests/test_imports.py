"""The package's imports, read from its sources: they run one way, in no circle, and downwards between the floors."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("envs", "agents", "locomotion", "scripts")
MAY_IMPORT = {
    "envs": {"envs"},
    "agents": {"agents"},
    "locomotion": {"envs", "agents", "locomotion"},
    "scripts": {"locomotion"},
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}


def imported(path):
    """The modules of ours that a file imports, at its top or within a function, but not for types alone."""
    found = set()

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    # `from envs.task import Task` names a module and something in it; `from envs import task` names a module.
    ours = {name if name in MODULES else name.rpartition(".")[0] for name in found}
    return {name for name in ours if name in MODULES}


GRAPH = {name: imported(path) - {name} for name, path in MODULES.items()}


def floors():
    """The floor of each room of locomotion, from the top (0) down, as the package's docstring has them."""
    lines = re.findall(
        r"^- (.+(?:\n  .+)*)$", ast.get_docstring(ast.parse((ROOT / "locomotion/__init__.py").read_text())), re.M
    )
    return {name: floor for floor, line in enumerate(lines) for name in re.split(r",\s+", line)}


def test_the_four_rooms_import_one_way():
    arrows = {(module, target) for module, targets in GRAPH.items() for target in targets}
    odd = [
        f"{module} -> {target}"
        for module, target in sorted(arrows)
        if target.split(".")[0] not in MAY_IMPORT[module.split(".")[0]]
    ]
    assert odd == []


@pytest.mark.parametrize("package", ["torch", "stable_baselines3"])
def test_worlds_know_no_learner_but_in_the_door_to_stable_baselines3(package):
    users = [
        name for name, path in MODULES.items() if name.startswith("envs") and f"import {package}" in path.read_text()
    ]
    users += [
        name for name, path in MODULES.items() if name.startswith("envs") and f"from {package}" in path.read_text()
    ]
    assert set(users) <= {"envs.vec_env"}


def test_learners_know_no_mujoco():
    assert [name for name, path in MODULES.items() if name.startswith("agents") and "mujoco" in path.read_text()] == []


def test_no_imports_go_in_a_circle():
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    # A package imports its modules when one of their names is asked for; modules import their package for its names.
    graph = {name: targets - packages for name, targets in GRAPH.items() if name not in packages}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_every_room_of_locomotion_has_its_floor():
    rooms = {name.split(".")[1] for name in MODULES if name.startswith("locomotion.")}
    assert set(floors()) == rooms


def test_the_rooms_of_locomotion_import_downwards():
    floor = floors()
    odd = []
    for module, targets in GRAPH.items():
        for target in targets:
            if not (module.startswith("locomotion.") and target.startswith("locomotion.")):
                continue
            above, below = module.split(".")[1], target.split(".")[1]
            ground = max(floor.values())
            same = above == below or (floor[above] == floor[below] == ground)
            if not same and floor[above] >= floor[below] and above != "__main__":
                odd.append(f"{module} -> {target}")
    assert odd == []


def test_the_ground_floor_knows_nothing_above_it():
    floor = floors()
    ground = {f"locomotion.{name}" for name, number in floor.items() if number == max(floor.values())}
    assert {target for name in ground for target in GRAPH[name] if target.startswith("locomotion.")} <= ground


def test_scripts_parse_and_call():
    for path in (ROOT / "scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) < 40, path


ELSEWHERE = """
import importlib, os, signal, sys
import locket  # of Dask: it asks for the system by looking for fcntl

for name in ("fcntl", "grp", "termios"):
    sys.modules[name] = None
for module, names in ((os, "sched_getaffinity getuid"), (signal, "SIGALRM SIGKILL SIGHUP pthread_sigmask")):
    for name in names.split():
        delattr(module, name)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_every_module_can_be_imported_where_unix_is_not():
    names = [name for name in MODULES if not name.startswith("scripts")]
    subprocess.run([sys.executable, "-c", ELSEWHERE, *names], cwd=ROOT, check=True, timeout=120)
