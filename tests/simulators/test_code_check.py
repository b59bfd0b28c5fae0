"""Instructions and stack depth, read from linked programs: of the firmware, and of programs with one fault each."""

import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from compilers import every_compiler
from deploy.factory import Sizes, edge_like, random_windows
from elftools.elf.elffile import ELFFile
from simulators.conftest import L1_STACK_BYTES

from edgecodec.deploy.emit import write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import Arithmetic
from edgecodec.simulators.bare_metal import OPTIMIZATION, build_bare_metal
from edgecodec.simulators.code_check import API, check_code
from edgecodec.simulators.gvsoc import check_pulp_code
from edgecodec.simulators.instruction_set import decode
from edgecodec.simulators.program import Program
from edgecodec.simulators.stack_bound import StackAnalysis
from edgecodec.simulators.toolchain import Toolchain

pytestmark = pytest.mark.tools

BEGINNING = """
#include <stdint.h>
__asm__(".globl core_stacks\\n.set core_stacks, 0x10010000\\n");
_Noreturn void cluster_main(uint32_t core);
_Noreturn void _start(void);
void _start(void) { cluster_main(0); }
volatile uint32_t sink[64];
"""
ENDING = "__attribute__((noinline)) void cluster_main(uint32_t core) { work(core); for (;;) { } }\n"


@pytest.fixture(scope="module", params=get_args(Arithmetic))
def arithmetic(request: pytest.FixtureRequest) -> Arithmetic:
    chosen: Arithmetic = request.param
    return chosen


@pytest.fixture(scope="module", params=every_compiler("riscv32"))
def verification_program(request: pytest.FixtureRequest, arithmetic: Arithmetic,
                         tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware of a codec with everything in it, linked for the cluster, and the compiler's sizes of frames."""
    folder = tmp_path_factory.mktemp("code")
    codec = edge_like(Sizes(regimes=3, coded_classes=7, arithmetic=arithmetic))
    windows = random_windows(codec, 1)
    write_firmware(codec, windows, 1 << 16, folder / "firmware", L1_STACK_BYTES)
    return build_bare_metal(
        request.param, folder / "firmware", folder / "work", windows, main=["pulp_main.c"], ports=["pulp"],
        linker_script=folder / "firmware" / "ports" / "pulp" / "pulp.ld", definitions=[
            "-DEC_XPULP", "-DPULP_L1_BYTES=131072", f"-DPULP_L1_STACK_BYTES={L1_STACK_BYTES}", "-fstack-size-section"])


@pytest.fixture
def link(toolchain: Toolchain, repository: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Compile a program in which ``work`` is the only thing that the core does."""
    script = repository / "src" / "edgecodec" / "firmware" / "ports" / "pulp" / "pulp.ld"

    def build(work: str) -> Path:
        source = tmp_path / "program.c"
        source.write_text(BEGINNING + work + ENDING)
        toolchain.build("riscv32", [source], tmp_path / "program.elf",
                        options=[*OPTIMIZATION, "-Wno-missing-prototypes", "-T", str(script)])
        return tmp_path / "program.elf"

    return build


def test_the_firmware_is_made_of_listed_instructions(verification_program: Path, arithmetic: Arithmetic) -> None:
    """Lanes are there for cores without Xfaux."""
    found = check_pulp_code(verification_program, L1_STACK_BYTES)
    absent = {extension for extension, count in found.instructions.items() if count == 0}
    assert absent == ({"Xfaux"} if arithmetic == "lanes" else set())
    assert sum(found.instructions.values()) > 2000


@pytest.mark.skipif(not shutil.which("llvm-objdump"), reason="needs llvm-objdump to compare with")
def test_names_are_those_of_a_disassembler_where_it_knows_any(verification_program: Path) -> None:
    listing = subprocess.run(
        ["llvm-objdump", "-d", "-M", "no-aliases", "--mattr=+m,+c,+zicsr,+zfinx,+zhinx", str(verification_program)],
        capture_output=True, text=True, check=True).stdout
    theirs = {int(address, 16): name for address, name in
              re.findall(r"^ *([0-9a-f]+): (?:[0-9a-f]{2} )+\s*\t(\S+)", listing, re.MULTILINE)}
    ours = {instruction.address: instruction for function in Program.read(verification_program).functions.values()
            for instruction in function.instructions}
    assert ours.keys() <= theirs.keys()
    for address, instruction in ours.items():
        unknown = instruction.encoding.extension.startswith("X")
        assert theirs[address] == ("<unknown>" if unknown else instruction.name)


def test_frames_are_those_that_the_compiler_wrote_down(verification_program: Path) -> None:
    program = Program.read(verification_program)
    analysis = StackAnalysis(program)
    sizes = compilers_frames(verification_program)
    assert len(sizes) > 25
    assert {address: analysis.frame(address) for address in sizes} == sizes


def compilers_frames(executable: Path) -> dict[int, int]:
    """Bytes by a function's address, from the section .stack_sizes: a word, then the size in groups of seven bits."""
    with executable.open("rb") as file:
        content = ELFFile(file).get_section_by_name(".stack_sizes").data()
    sizes, at = {}, 0
    while at < len(content):
        (address,) = struct.unpack_from("<I", content, at)
        groups = re.compile(rb"[\x80-\xff]*[\x00-\x7f]", re.DOTALL).match(content, at + 4)
        assert groups is not None
        sizes[address] = sum((group & 0x7F) << 7 * place for place, group in enumerate(groups[0]))
        at = groups.end()
    return sizes


def test_the_stack_has_a_bound_that_the_cores_have_room_for(verification_program: Path) -> None:
    found = check_pulp_code(verification_program, L1_STACK_BYTES)
    assert found.stack_reserved_bytes == L1_STACK_BYTES // 8
    assert found.stack.chain[0] == "cluster_main"
    assert found.api_stacks.keys() == set(API)
    deepest = max(bound.bytes for bound in found.api_stacks.values())
    assert 0 < deepest < found.stack.bytes <= found.stack_reserved_bytes
    with pytest.raises(EdgeCodecError, match=rf"may take {found.stack.bytes} bytes \(cluster_main > .*\), but has "
                                             rf"{found.stack.bytes - 16}; raise firmware.l1_stack_bytes by 16 for "):
        check_pulp_code(verification_program, 8 * (found.stack.bytes - 16))


@pytest.mark.parametrize(("word", "what"), [
    (0x1AA5F553, "fdiv.d"), (0x00A5A52F, "amoadd.w"), (0x58057553, "fsqrt.s"), (0x20A5A533, "sh1add"),
    (0x0005F50B, "an unlisted load of Xpulp"), (0xFFFFFFFF, "no instruction at all")])
def test_a_forbidden_instruction_is_found_wherever_it_is(
        verification_program: Path, tmp_path: Path, word: int, what: str) -> None:
    program = Program.read(verification_program)
    victim = next(instruction for instruction in program.functions[program.addresses["ec_pack"]].instructions[9:]
                  if instruction.encoding.bytes == 4)
    damaged = tmp_path / "damaged.elf"
    content = bytearray(verification_program.read_bytes())
    with verification_program.open("rb") as file:
        code = ELFFile(file).get_section_by_name(".text")
        struct.pack_into("<I", content, code["sh_offset"] + victim.address - code["sh_addr"], word)
    damaged.write_bytes(content)
    with pytest.raises(EdgeCodecError, match=rf"^ec_pack\+0x[0-9a-f]+: {word:#010x} is no instruction"):
        check_code(damaged, 1 << 16)


def test_the_illegal_instruction_is_illegal() -> None:
    assert decode(0, 0) is None
    assert decode(0, 0x4501) is not None  # c.li


def test_calls_of_every_kind_add_up(link) -> None:  # type: ignore[no-untyped-def]
    program = link("""
        static __attribute__((noinline)) void leaf(uint32_t n) {
            volatile uint32_t room[40]; room[n] = n; sink[n] = room[0];
        }
        static __attribute__((noinline)) void middle(uint32_t n) {
            volatile uint32_t room[80]; room[n] = n; leaf(n); sink[n] = room[1];
        }
        void (*volatile pointer)(uint32_t) = middle;
        static __attribute__((noinline)) void work(uint32_t n) {
            volatile uint32_t room[20]; room[n] = n; pointer(n); sink[n] = room[1];
        }
    """)
    bound = check_code(program, 4096, api=()).stack
    assert bound.chain == ("cluster_main", "work", "middle", "leaf")
    assert 4 * (20 + 80 + 40) <= bound.bytes <= 4 * (20 + 80 + 40) + 5 * 16


def test_a_function_that_a_branch_chooses_may_be_either(link) -> None:  # type: ignore[no-untyped-def]
    program = link("""
        static __attribute__((noinline)) void flat(uint32_t n) { sink[n] = n; }
        static __attribute__((noinline)) void deep(uint32_t n) {
            volatile uint32_t room[80]; room[n] = n; sink[n] = room[0];
        }
        static __attribute__((noinline)) void work(uint32_t n) { (sink[n] ? deep : flat)(n); sink[n] = 1; }
    """)
    assert check_code(program, 4096, api=()).stack.chain == ("cluster_main", "work", "deep")


def test_a_callback_that_calls_back_is_counted_once(link) -> None:  # type: ignore[no-untyped-def]
    """An observer prints through a pointer, by functions that the program around it calls as well."""
    program = link("""
        static __attribute__((noinline)) void put(uint32_t n) {
            volatile uint32_t room[30]; room[n] = n; sink[n] = room[0];
        }
        void (*volatile platform)(uint32_t) = put;
        static __attribute__((noinline)) void print(uint32_t n) {
            volatile uint32_t room[50]; room[n] = n; platform(n); sink[n] = room[1];
        }
        static __attribute__((noinline)) void observe(uint32_t n) {
            volatile uint32_t room[100]; room[n] = n; print(n); sink[n] = room[1];
        }
        void (*volatile observer)(uint32_t) = observe;
        static __attribute__((noinline)) void work(uint32_t n) { print(n); observer(n); sink[n] = 2; }
    """)
    analysis = StackAnalysis(Program.read(program))
    deepest = analysis.bound("cluster_main")
    assert deepest.chain == ("cluster_main", "work", "print", "observe", "print", "put")
    assert 4 * (50 + 100 + 50 + 30) <= deepest.bytes <= 4 * (50 + 100 + 50 + 30) + 6 * 16
    assert analysis.bound("print", observed=False).chain == ("print", "put")


@pytest.mark.parametrize(("name", "deepest"), [("codec_weights", "plain"), ("other", "deep")])
def test_a_number_of_the_model_is_no_address(link, name: str, deepest: str) -> None:  # type: ignore[no-untyped-def]
    program = link("""
        void plain(uint32_t n);
        __attribute__((noinline)) void plain(uint32_t n) { volatile uint32_t room[10]; room[n] = n; sink[n] = room[0]; }
        void deep(uint32_t n);
        __attribute__((noinline)) void deep(uint32_t n) { volatile uint32_t room[90]; room[n] = n; sink[n] = room[0]; }
        void (*volatile pointer)(uint32_t) = plain;
        extern const uintptr_t NAME[2];
        __attribute__((used)) const uintptr_t NAME[2] = {3, (uintptr_t)deep};
        static __attribute__((noinline)) void work(uint32_t n) { sink[0] = (uint32_t)NAME[n]; pointer(n); sink[n] = 1; }
    """.replace("NAME", name))
    assert check_code(program, 4096, api=()).stack.chain == ("cluster_main", "work", deepest)


@pytest.mark.parametrize(("work", "said"), [
    ("""static uint32_t fold(uint32_t n);
        static __attribute__((noinline)) uint32_t other(uint32_t n) { return sink[n] + fold(n - 1); }
        static __attribute__((noinline)) uint32_t fold(uint32_t n) { return n == 0 ? 0 : other(n - 1) * sink[n]; }
        static void work(uint32_t n) { sink[0] = fold(n); }""", r"no bound, cluster_main > .*fold.* is recursive"),
    ("""static __attribute__((noinline)) void work(uint32_t n) {
            volatile uint8_t *room = __builtin_alloca(n); room[0] = 1; sink[0] = room[n / 2];
        }""", "stack: work changes the stack pointer by what cannot be told"),
    ("""static __attribute__((noinline)) void work(uint32_t n) {
            volatile uint8_t room[5000]; room[n] = 1; sink[0] = room[n / 2];
        }""", "stack: work changes the stack pointer by what cannot be told"),
    ("""void (*volatile pointer)(uint32_t);
        static __attribute__((noinline)) void work(uint32_t n) { pointer(n); sink[n] = 1; }""",
     "stack: work calls through a pointer, but nothing can be called"),
], ids=["recursive", "of unknown size", "very large", "call to nowhere"])
def test_a_stack_without_bound_is_refused(link, work: str, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EdgeCodecError, match=said):
        check_code(link(work), 1 << 20, api=())
