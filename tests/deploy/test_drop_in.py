"""The firmware folder in the build systems of others: CMake, Zephyr, PlatformIO, Arduino."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, random_windows

from edgecodec.deploy.emit import write_firmware

CODEC = edge_like(Sizes(seed=3))
PROGRAM = """
#include <stdio.h>
#include <codec_model.h>
#include <edgecodec.h>
#include <serial.h>
int main(void) {
    const ec_team team = ec_serial_team();
    printf("%u.%u %u %s\\n", ec_version() >> 16, ec_version() & 0xffff, team.workers, EC_MODEL_HASH);
    return EC_VERSION == ec_version() && EC_ABI_VERSION == 2 ? 0 : 1;
}
"""
needs_cc = pytest.mark.skipif(not shutil.which("make") or not shutil.which("cc"), reason="needs make and cc")
needs_cmake = pytest.mark.skipif(not shutil.which("cmake") or not shutil.which("cc"), reason="needs cmake and cc")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drop_in") / "firmware"
    write_firmware(CODEC, random_windows(CODEC, 1), 1 << 20, folder, L1_STACK_BYTES)
    return folder


@pytest.fixture(scope="module")
def version(repository: Path) -> str:
    """Of the project: the firmware's is the same."""
    return str(tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"])


def says_its_version(program: Path, version: str) -> bool:
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return printed == f"{version.rsplit('.', 1)[0]} 1 {CODEC.model_hash}\n"


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@needs_cmake
def test_an_installed_library_is_found_by_cmake(firmware: Path, tmp_path: Path, version: str) -> None:
    run("cmake", "-S", firmware, "-B", tmp_path / "build", "-DEDGECODEC_PROGRAMS=OFF", "-DCMAKE_BUILD_TYPE=Debug")
    run("cmake", "--build", tmp_path / "build")
    run("cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "installed")
    shutil.rmtree(tmp_path / "build")
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.c").write_text(PROGRAM)
    (project / "CMakeLists.txt").write_text(f"""
        cmake_minimum_required(VERSION 3.16)
        project(application LANGUAGES C)
        find_package(EdgeCodec {version} REQUIRED)
        add_executable(application main.c)
        target_link_libraries(application PRIVATE EdgeCodec::edgecodec)
    """)
    run("cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")
    run("cmake", "--build", project / "build")
    assert says_its_version(project / "build" / "application", version)


def test_the_module_of_zephyr_names_its_files(firmware: Path) -> None:
    module = yaml.safe_load((firmware / "zephyr" / "module.yml").read_text())
    assert (firmware / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    options = (firmware / module["build"]["kconfig"]).read_text()
    lists = (firmware / module["build"]["cmake"] / "CMakeLists.txt").read_text()
    assert re.findall(r"^config (\w+)$", options, re.MULTILINE) == re.findall(r"CONFIG_(\w+)", lists) == ["EDGECODEC"]
    named = re.findall(r"\$\{edgecodec\}/(\S+?)[\s)]", lists)
    assert {path for path in named if path.endswith(".c")} == {
        "ports/serial/serial.c", *(f"src/{path.name}" for path in (firmware / "src").glob("*.c"))}
    assert all((firmware / path).exists() for path in named)


@needs_cmake
def test_zephyr_takes_the_library_if_it_is_configured(firmware: Path, tmp_path: Path) -> None:
    """With Zephyr's functions as its documentation has them: Zephyr itself is not here."""
    calls = ("library_named", "library_sources", "library_include_directories", "include_directories",
             "library_compile_options", "compile_definitions")
    (tmp_path / "west.cmake").write_text("".join(
        f"function(zephyr_{call})\nmessage(STATUS {call}=${{ARGV}})\nendfunction()\n" for call in calls)
        + f"include({firmware}/zephyr/CMakeLists.txt)\n")
    for setting, expected in (("n", 0), ("y", len(calls))):
        said = subprocess.run(["cmake", f"-DCONFIG_EDGECODEC={setting}", "-P", tmp_path / "west.cmake"], check=True,
                              capture_output=True, text=True).stdout
        assert len(said.splitlines()) == expected


def test_the_pack_names_its_files(firmware: Path, version: str) -> None:
    package = ElementTree.parse(firmware / "EdgeCodec.EdgeCodec.pdsc").getroot()
    assert f"{package.findtext('vendor')}.{package.findtext('name')}.pdsc" == "EdgeCodec.EdgeCodec.pdsc"
    release, = package.iterfind("releases/release")
    component, = package.iterfind("components/component")
    assert {release.get("version"), component.get("Cversion")} == {version}
    assert component.get("condition") in {each.get("id") for each in package.iterfind("conditions/condition")}
    files = {(file.get("category"), file.get("name") or "") for file in component.iterfind("files/file")}
    assert all((firmware / name).exists() for _, name in files)
    assert {name for category, name in files if category == "source"} == {
        "ports/serial/serial.c", *(f"src/{path.name}" for path in (firmware / "src").glob("*.c"))}
    assert "#define EC_WORKERS_MAX 1" in (component.findtext("Pre_Include_Global_h") or "")


def test_platformio_compiles_the_kernels_and_the_serial_port(firmware: Path, version: str) -> None:
    library = json.loads((firmware / "library.json").read_text())
    assert library["version"] == version
    build = library["build"]
    taken = {path for rule in build["srcFilter"] if rule.startswith("+")
             for path in (firmware / build["srcDir"]).glob(rule[2:-1])}
    assert taken == {firmware / "ports/serial/serial.c", *(firmware / "src").glob("*.c")}
    folders = [build["includeDir"], *(flag[2:] for flag in build["flags"] if flag.startswith("-I"))]
    assert all(any((firmware / folder / name).is_file() for folder in folders) for name in library["headers"])
    assert "-ffp-contract=off" in build["flags"]


@needs_cc
def test_arduino_builds_the_folder_that_make_lays_out(firmware: Path, tmp_path: Path, version: str) -> None:
    """Its IDE compiles all in src/, finds headers there alone, and takes no options from a library."""
    run("make", "-s", "-C", shutil.copytree(firmware, tmp_path / "firmware"), "arduino")
    library = tmp_path / "firmware" / "build" / "EdgeCodec"
    properties = dict(line.split("=", 1) for line in (library / "library.properties").read_text().splitlines())
    assert properties.keys() >= {"name", "author", "maintainer", "sentence", "paragraph", "category", "url",
                                 "architectures"}
    assert properties["version"] == version
    assert all((library / "src" / header).is_file() for header in properties["includes"].split(","))
    (tmp_path / "sketch.c").write_text(PROGRAM)
    run("cc", "-std=gnu11", f"-I{library / 'src'}", *sorted((library / "src").glob("*.c")), tmp_path / "sketch.c",
        "-o", tmp_path / "sketch")
    assert says_its_version(tmp_path / "sketch", version)
