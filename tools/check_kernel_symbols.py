#!/usr/bin/env python3
"""Fails when a file compiled for a wide instruction set gives the linker anything but its own table.

A function that such a file shares with others (a weak symbol: any inline or template function of a
header) may replace the copy that was compiled for every machine.

  tools/check_kernel_symbols.py libdear_kernels.a
"""
import subprocess
import sys

ALLOWED = {"avx2.cc.o": {"dear::cpu::Avx2Kernels()"}, "avx512.cc.o": {"dear::cpu::Avx512Kernels()"},
           "avx_vnni.cc.o": {"dear::cpu::AvxVnniBytes()"}, "avx512_vnni.cc.o": {"dear::cpu::Avx512VnniBytes()"},
           "amx.cc.o": {"dear::cpu::AmxTiles()"},
           "avx512_bf16.cc.o": {"dear::cpu::Avx512Bf16Pairs()"}}


def main():
    listing = subprocess.run(["nm", "-C", "--defined-only", sys.argv[1]], check=True, capture_output=True, text=True)
    member, seen, problems = "", set(), []
    for line in listing.stdout.splitlines():
        if line.endswith(":"):
            member = line[:-1]
            seen.add(member)
            continue
        fields = line.split(maxsplit=2)
        if member in ALLOWED and len(fields) == 3 and fields[1] not in "tTrRdDbBn" or (
                member in ALLOWED and len(fields) == 3 and fields[1] in "TRDB" and fields[2] not in ALLOWED[member]):
            problems.append(f"{member}: {fields[1]} {fields[2]}")
    problems += [f"{name} is not in the library" for name in ALLOWED.keys() - seen]
    print("\n".join(problems) or "wide kernels share nothing")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
