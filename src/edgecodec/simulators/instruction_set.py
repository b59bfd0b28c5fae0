"""The instructions that a PULP cluster core executes, by their encodings, and no others.

Disassemblers do not know XpulpV2, nor floats in integer registers beside it; and what they do know may be more than the
cores execute. So each encoding that may appear is listed here, and what is not listed is forbidden. Where bits are
written ``***``, names follow for each number that they may hold, from 0 on; - is none. Extensions:

====== ================================================================================================
I M C  RV32I, multiplication and division, compressed
Zicsr  control and status registers; with them the privileged ``wfi``
Zfinx  float32 in the integer registers
Zhinx  float16 in the integer registers (PULP's Xf16 has the same encodings)
Xpulp  XpulpV2: hardware loops, post-increment, event load, multiply-accumulate, packed integers
Xfvec  two float16 in a register
Xfaux  the same, accumulated in float32: on ``pulp-open``; GAP9 silicon probably lacks it
====== ================================================================================================

Encodings: The RISC-V Instruction Set Manual, volume I; CV32E40P and RI5CY user manuals for Xpulp; the smallFloat
extensions of FPnew for Xfvec and Xfaux. Those beyond the ratified ones were run on GVSOC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

_TABLE = """
I      ....... ..... ..... ... ..... 0110111    lui
I      ....... ..... ..... ... ..... 0010111    auipc
I      ....... ..... ..... ... ..... 1101111    jal
I      ....... ..... ..... 000 ..... 1100111    jalr
I      ....... ..... ..... *** ..... 1100011    beq,bne,-,-,blt,bge,bltu,bgeu
I      ....... ..... ..... *** ..... 0000011    lb,lh,lw,-,lbu,lhu
I      ....... ..... ..... *** ..... 0100011    sb,sh,sw
I      ....... ..... ..... *** ..... 0010011    addi,-,slti,sltiu,xori,-,ori,andi
I      0000000 ..... ..... *** ..... 0010011    -,slli,-,-,-,srli
I      0100000 ..... ..... 101 ..... 0010011    srai
I      0000000 ..... ..... *** ..... 0110011    add,sll,slt,sltu,xor,srl,or,and
I      0100000 ..... ..... *** ..... 0110011    sub,-,-,-,-,sra
I      ....... ..... ..... 000 ..... 0001111    fence
I      0000000 00000 00000 000 00000 1110011    ecall
I      0000000 00001 00000 000 00000 1110011    ebreak
M      0000001 ..... ..... *** ..... 0110011    mul,mulh,mulhsu,mulhu,div,divu,rem,remu
Zicsr  ....... ..... ..... *** ..... 1110011    -,csrrw,csrrs,csrrc,-,csrrwi,csrrsi,csrrci
Zicsr  0001000 00101 00000 000 00000 1110011    wfi
C      000 ........ ... 00                      c.addi4spn
C      010 ... ... .. ... 00                    c.lw
C      110 ... ... .. ... 00                    c.sw
C      000 . ..... ..... 01                     c.addi
C      001 ........... 01                       c.jal
C      010 . ..... ..... 01                     c.li
C      011 . 00010 ..... 01                     c.addi16sp
C      011 . ..... ..... 01                     c.lui
C      100 0 00 ... ..... 01                    c.srli
C      100 0 01 ... ..... 01                    c.srai
C      100 . 10 ... ..... 01                    c.andi
C      100 0 11 ... ** ... 01                   c.sub,c.xor,c.or,c.and
C      101 ........... 01                       c.j
C      110 ... ... ..... 01                     c.beqz
C      111 ... ... ..... 01                     c.bnez
C      000 0 ..... ..... 10                     c.slli
C      010 . ..... ..... 10                     c.lwsp
C      100 0 ..... 00000 10                     c.jr
C      100 0 ..... ..... 10                     c.mv
C      100 1 00000 00000 10                     c.ebreak
C      100 1 ..... 00000 10                     c.jalr
C      100 1 ..... ..... 10                     c.add
C      110 ...... ..... 10                      c.swsp
Zfinx  .....00 ..... ..... ... ..... 1000011    fmadd.s
Zfinx  .....00 ..... ..... ... ..... 1000111    fmsub.s
Zfinx  .....00 ..... ..... ... ..... 1001011    fnmsub.s
Zfinx  .....00 ..... ..... ... ..... 1001111    fnmadd.s
Zfinx  0000000 ..... ..... ... ..... 1010011    fadd.s
Zfinx  0000100 ..... ..... ... ..... 1010011    fsub.s
Zfinx  0001000 ..... ..... ... ..... 1010011    fmul.s
Zfinx  0001100 ..... ..... ... ..... 1010011    fdiv.s
Zfinx  0010000 ..... ..... *** ..... 1010011    fsgnj.s,fsgnjn.s,fsgnjx.s
Zfinx  0010100 ..... ..... *** ..... 1010011    fmin.s,fmax.s
Zfinx  1010000 ..... ..... *** ..... 1010011    fle.s,flt.s,feq.s
Zfinx  1110000 00000 ..... 001 ..... 1010011    fclass.s
Zfinx  1100000 00000 ..... ... ..... 1010011    fcvt.w.s
Zfinx  1100000 00001 ..... ... ..... 1010011    fcvt.wu.s
Zfinx  1101000 00000 ..... ... ..... 1010011    fcvt.s.w
Zfinx  1101000 00001 ..... ... ..... 1010011    fcvt.s.wu
Zhinx  .....10 ..... ..... ... ..... 1000011    fmadd.h
Zhinx  .....10 ..... ..... ... ..... 1000111    fmsub.h
Zhinx  .....10 ..... ..... ... ..... 1001011    fnmsub.h
Zhinx  .....10 ..... ..... ... ..... 1001111    fnmadd.h
Zhinx  0000010 ..... ..... ... ..... 1010011    fadd.h
Zhinx  0000110 ..... ..... ... ..... 1010011    fsub.h
Zhinx  0001010 ..... ..... ... ..... 1010011    fmul.h
Zhinx  0010010 ..... ..... *** ..... 1010011    fsgnj.h,fsgnjn.h,fsgnjx.h
Zhinx  1010010 ..... ..... *** ..... 1010011    fle.h,flt.h,feq.h
Zhinx  1110010 00000 ..... 001 ..... 1010011    fclass.h
Zhinx  0100000 00010 ..... ... ..... 1010011    fcvt.s.h
Zhinx  0100010 00000 ..... ... ..... 1010011    fcvt.h.s
Zhinx  1100010 00000 ..... ... ..... 1010011    fcvt.w.h
Zhinx  1100010 00001 ..... ... ..... 1010011    fcvt.wu.h
Zhinx  1101010 00000 ..... ... ..... 1010011    fcvt.h.w
Zhinx  1101010 00001 ..... ... ..... 1010011    fcvt.h.wu
Xpulp  ....... ..... ..... 110 ..... 0000011    p.elw
Xpulp  ....... ..... ..... *** ..... 0001011    -,p.lh,p.lw,-,-,p.lhu
Xpulp  0010000 ..... ..... 111 ..... 0001011    p.lw
Xpulp  ....... ..... ..... *** ..... 0101011    -,p.sh,p.sw
Xpulp  ....... ..... ..... 100 0000. 1111011    lp.setup
Xpulp  0100001 ..... ..... 000 ..... 0110011    p.mac
Xpulp  1011100 ..... ..... *** ..... 1010111    pv.sdotsp.h,pv.sdotsp.b
Xfvec  1000001 ..... ..... .10 ..... 0110011    vfadd.h
Xfvec  1000010 ..... ..... .10 ..... 0110011    vfsub.h
Xfvec  1000011 ..... ..... .10 ..... 0110011    vfmul.h
Xfvec  1000101 ..... ..... .10 ..... 0110011    vfmin.h
Xfvec  1000110 ..... ..... .10 ..... 0110011    vfmax.h
Xfvec  1001000 ..... ..... .10 ..... 0110011    vfmac.h
Xfvec  1011000 ..... ..... 010 ..... 0110011    vfcpka.h.s
Xfaux  1001011 ..... ..... 000 ..... 0110011    vfdotpex.s.h
"""

EXTENSIONS = ("I", "M", "C", "Zicsr", "Zfinx", "Zhinx", "Xpulp", "Xfvec", "Xfaux")


@dataclass(frozen=True)
class Encoding:
    name: str
    extension: str
    bytes: int  # 2 or 4
    mask: int  # of the bits that are fixed
    match: int


@dataclass(frozen=True)
class Instruction:
    address: int
    word: int
    encoding: Encoding

    @property
    def name(self) -> str:
        return self.encoding.name

    @property
    def target(self) -> int:
        """The operand that most instructions write, rd; of a store or branch it means nothing."""
        return self.word >> 7 & 31

    @property
    def source(self) -> int:
        """rs1 of an uncompressed instruction."""
        return self.word >> 15 & 31

    @property
    def immediate(self) -> int:
        """Of ``lui``, ``auipc``, ``addi``, ``jal``, ``jalr`` and their compressed forms: a signed number of bytes."""
        return _IMMEDIATES[self.name](self.word)


def is_compressed(first_halfword: int) -> bool:
    return first_halfword & 3 != 3


def decode(address: int, word: int) -> Instruction | None:
    """The instruction ``word`` (16 bits if it is compressed), or None if the cores have no such one."""
    if word == 0:  # c.addi4spn of nothing: defined to be illegal
        return None
    size = 2 if is_compressed(word) else 4
    for encoding in _BY_OPCODE[word & (3 if size == 2 else 0x7F)]:
        if encoding.bytes == size and word & encoding.mask == encoding.match:
            return Instruction(address, word, encoding)
    return None


def _encodings() -> dict[int, list[Encoding]]:
    """By the lowest bits. Of two that match, the first one is meant."""
    found: defaultdict[int, list[Encoding]] = defaultdict(list)
    for line in _TABLE.split("\n")[1:-1]:
        extension, *fields, names = line.split()
        pattern = "".join(fields)
        size, stars = len(pattern) // 8, "*" * pattern.count("*")
        for number, name in enumerate(names.split(",")):
            bits = pattern.replace(stars, f"{number:0{len(stars)}b}") if stars else pattern
            match = int(bits.replace(".", "0"), 2)
            mask = int(bits.replace("0", "1").replace(".", "0"), 2)
            if name != "-":
                found[match & (3 if size == 2 else 0x7F)].append(Encoding(name, extension, size, mask, match))
    return found


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _gather(word: int, places: str) -> int:
    """Signed number whose bits lie at ``places``, the highest first: a bit's number, or - for a zero."""
    bits = [0 if place == "-" else word >> int(place) & 1 for place in places.split()]
    return _signed(int("".join(map(str, bits)), 2), len(bits))


def _upper(word: int) -> int:
    return _signed(word & 0xFFFFF000, 32)


def _lower(word: int) -> int:
    return _signed(word >> 20, 12)


def _jump(word: int) -> int:
    return _gather(word, "31 19 18 17 16 15 14 13 12 20 30 29 28 27 26 25 24 23 22 21 -")


def _short_jump(word: int) -> int:
    return _gather(word, "12 8 10 9 6 7 2 11 5 4 3 -")


def _short(word: int) -> int:
    return _gather(word, "12 6 5 4 3 2")


_IMMEDIATES: dict[str, Callable[[int], int]] = {
    "lui": _upper, "auipc": _upper, "addi": _lower, "jalr": _lower, "jal": _jump,
    "c.j": _short_jump, "c.jal": _short_jump, "c.addi": _short,
    "c.lui": lambda word: _short(word) << 12,
    "c.addi16sp": lambda word: _gather(word, "12 4 3 5 2 6 - - - -"),
}
_BY_OPCODE = _encodings()
