#!/usr/bin/env bash
# Run the vector kernels of 128 bits on aarch64: a Debian userland and the package under qemu's user-mode emulation.
# An emulator says whether results are right; it says nothing about speed. Not part of the test command.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/arm/run.sh [--sve] [WORK]

Run a part of the tests on an emulated aarch64 processor (qemu-user) and print every test as it ends:
`nbbilinear info`, every numba/simd kernel forward and backward on whole numbers at ragged sizes, pairs, forms,
half floats, the portable loops, and the floating-point mode.

WORK    folder for the userland and the wheels, kept for the next time (default: $TMPDIR/nbbilinear-arm)
--sve   take a processor that has SVE beside NEON, and the vector kernels alone

Needs   root, for debootstrap; apt-get install qemu-user-static debootstrap; Python 3.11 or later with pip on the
        host; the networks of Debian and PyPI; 1 GB of disk. binfmt_misc is not needed.
Takes   2 minutes to prepare, then 13 minutes on one core.
TEXT
}

processor=neoverse-n1 part=0xd0c more=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --sve) processor=max part=0xd40 more=" sve" ;;
        -*) usage >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done
repository=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "${1:-${TMPDIR:-/tmp}/nbbilinear-arm}"
work=$(cd "${1:-${TMPDIR:-/tmp}/nbbilinear-arm}" && pwd)
root=$work/root site=$work/site

step() { printf '\n== %s\n' "$*"; }

for tool in qemu-aarch64-static debootstrap dpkg-deb; do
    command -v "$tool" > /dev/null || { echo "$tool is not here: apt-get install qemu-user-static debootstrap" >&2; exit 2; }
done

if [ ! -e "$root/.done" ]; then
    step "Debian bookworm for arm64, unpacked and not configured: nothing of it has to run for that"
    rm -rf "$root"
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3 bookworm "$root" > "$work/debootstrap.log"
    for package in "$root"/var/cache/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    mkdir -p "$root/proc"
    touch "$root/.done"
fi

if [ ! -e "$site/.done" ]; then
    step "wheels for aarch64"
    rm -rf "$site"
    python3 -m pip install -q --no-compile --target "$site" --only-binary=:all: --implementation cp \
        --python-version 3.11 --abi cp311 --abi none --platform manylinux_2_28_aarch64 \
        --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
        "numpy>=2.1" "numba>=0.61" "pytest>=8.4" "hypothesis>=6.100" "ml-dtypes>=0.5"
    touch "$site/.done"
fi
python3 -m pip install -q --no-compile --no-deps --upgrade --target "$site" "$repository"

# LLVM reads the processor's name and features here; qemu shows the host's.
for number in 0 1; do
    printf 'processor\t: %d\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid %s\n' \
        "$number" "asimdrdm lrcpc dcpop asimddp ssbs$more"
    printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: %s\nCPU revision\t: 1\n\n' "$part"
done > "$root/proc/cpuinfo"

emulated() {
    (cd "$repository" && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$site" \
        qemu-aarch64-static -cpu "$processor" -L "$root" "$root/usr/bin/python3.11" -u "$@")
}

simd=tests/unit/test_simd.py pairs=tests/unit/test_simd_pairs.py halves=tests/conformance/test_halves.py
vectors=()
for half in float16 bfloat16; do
    vectors+=("$halves::test_every_half_float_converts_there_and_back[$half-convert0]")
    for columns in 1 3 15 17 40; do
        vectors+=("$halves::test_conversion_rounds_to_the_nearest_and_stays_within_its_columns[$columns-$half]")
    done
done
for dtype in float32 float64; do
    for begin in 0 16; do
        vectors+=("$simd::test_gradient_of_the_weight_past_the_caches[neon-False-$begin-$dtype]")
    done
done
for kernel in left columns outer; do
    vectors+=("$simd::test_exact_on_whole_numbers[neon-numba/simd.$kernel-float64-1]")
done
vectors+=("$simd::test_what_a_forward_keeps[neon-numba/simd.columns-9-float32]")
vectors+=("$simd::test_what_a_forward_keeps[neon-numba/simd.columns-2-float64]")
vectors+=("$pairs::test_exact_on_whole_numbers[neon-True-float64-1]")
others=()
for kernel in left columns outer; do
    others+=("$simd::test_chosen_weights_in_strides[neon-numba/simd.$kernel]")
    others+=("$simd::test_exact_on_whole_numbers[neon-numba/simd.$kernel-float32-2]")
    others+=("tests/unit/test_flush_to_zero.py::test_the_mode_does_not_show[numba/simd.$kernel-flush to zero]")
done
for form in diagonal low_rank cp complex_diagonal sparse; do
    others+=("tests/conformance/test_forms_at_once.py::test_kernels_bit_for_bit[$form-4-33-float64]")
    others+=("tests/conformance/test_forms_at_once.py::test_kernels_bit_for_bit[$form-5-70-float32]")
done
for case in rows pairs "index, out axis"; do
    others+=("tests/conformance/test_exact.py::test_forward_bits[numba/portable-$case]")
done
for kernel in simd.left simd.columns simd.outer portable; do
    others+=("tests/conformance/test_product.py::test_any_use[numba/$kernel-rows]")
done
modes=tests/unit/test_flush_to_zero.py
others+=("$modes::test_the_modes_are_what_they_say" "$modes::test_restored_after_an_error" "$modes::test_other_threads_keep_theirs")
[ -z "$more" ] || others=()

step "$(qemu-aarch64-static --version | head -n 1), -cpu $processor"
emulated -m nbbilinear info
step "tests"
emulated -m pytest -v -p no:cacheprovider --durations=0 --durations-min=5 "${vectors[@]}" "${others[@]}"
