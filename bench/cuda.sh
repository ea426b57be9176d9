#!/usr/bin/env bash
# Checks and times a CUDA device, beside PyTorch and FlashSinkhorn, on a machine that needs neither Go nor a network:
#
#   bench/cuda.sh --build DIR [amd64|arm64]   with Go: what is carried to the machine, into DIR; FlashSinkhorn with it, where pip finds it
#   bench/cuda.sh DIR [PART...]               there: first solver peers check network torch command train; all of them by default, in this order
#
# The parts: first runs one small kernel of each family, in seconds; solver and peers time iterations, ours checked against float64; check is the
# compliance suite, one test after the other; network and torch time training; command and train are the command line. After each the table is made of what
# there is.
#
# Results lie in DIR/out, the table in DIR/out/table.md, all rows in DIR/out/rows.json, which also names those that are missing. LIMIT is the seconds in
# which the run ends (540); what has no time left, or is cut off, is made by the next run: parts that are done are left out, and rows that are
# there are not made again unless they failed. RESULTS, a folder, has DIR/out packed as out.tar.gz after each part; a copy of it in DIR is where the next
# run goes on, on another machine too. SIZES, ITERATIONS and DIM change what is timed, DEVICE which device (cuda), PYTHON which Python (python3).
#
# Exit status: 0 all was done, 1 something failed, 2 bad arguments, 3 nothing failed but the time was up, 130 interrupted.
set -uo pipefail

binaries="cuda.test device.test sinkcpu bench"

build() {
  local dir=$1 here
  here=$(cd "$(dirname "$0")/.." && pwd)
  mkdir -p "$dir" && dir=$(cd "$dir" && pwd)
  cd "$here" || exit 1
  set -e
  export GOOS=linux GOARCH=${2:-$(go env GOARCH)}
  local flags=(-trimpath "-ldflags=-s -w")
  go test "${flags[@]}" -c -o "$dir/cuda.test" ./cuda
  go test "${flags[@]}" -c -o "$dir/device.test" ./cuda/device
  go build "${flags[@]}" -o "$dir/sinkcpu" ./cmd/sinkcpu
  go build "${flags[@]}" -o "$dir/bench" ./cuda/bench
  for name in $binaries; do gzip -f "$dir/$name"; done
  mkdir -p "$dir/peers"
  cp bench/peers/cuda_peers.py bench/peers/torch_nn.py bench/peers/peers.py bench/peers/rows.py "$dir/peers/"
  cp bench/cuda.sh "$dir/"
  if [ -d ../shared/refs ]; then
    mkdir -p "$dir/shared"
    rm -rf "$dir/shared/refs"
    cp -r ../shared/refs "$dir/shared/"
  fi
  python3 -m pip install -q --no-deps --no-compile --upgrade --target "$dir/site" flash-sinkhorn ||
    echo "cuda.sh: without FlashSinkhorn; a copy of the package in $dir/site is found" >&2
  du -sh "$dir"
}

if [ "${1:-}" = --build ]; then
  [ $# -ge 2 ] || { echo "cuda.sh: --build needs a folder" >&2; exit 2; }
  build "$2" "${3:-}"
  exit
fi
[ $# -ge 1 ] && { [ -f "$1/bench.gz" ] || [ -x "$1/bench" ]; } || { echo "cuda.sh: want the folder that --build made" >&2; exit 2; }
dir=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- first solver peers check network torch command train
for p in "$@"; do
  case $p in
    first | solver | peers | check | network | torch | command | train | table) ;;
    *) echo "cuda.sh: no part $p; they are first solver peers check network torch command train table" >&2; exit 2 ;;
  esac
done
out=$dir/out device=${DEVICE:-cuda} python=${PYTHON:-python3} limit=${LIMIT:-540}
sizes=${SIZES:-10000,20000,50000} iterations=${ITERATIONS:-10,100} dim=${DIM:-64}
# What the driver compiles of the kernels is kept for the next program.
export CUDA_CACHE_PATH=${CUDA_CACHE_PATH:-$dir/cache} PYTHONPATH=$dir/site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
failed=0 late=0
[ -d "$out" ] || ! [ -f "$dir/out.tar.gz" ] || tar -xzf "$dir/out.tar.gz" -C "$dir"
mkdir -p "$out"
for name in $binaries; do
  [ -x "$dir/$name" ] || { gunzip -c "$dir/$name.gz" >"$dir/$name" && chmod +x "$dir/$name"; } || exit 1
done

left() { echo $((limit - SECONDS)); }

# run NAME SECONDS COMMAND...: runs a command for so long at most, less where the whole has less left, and keeps what it prints in NAME.log
run() {
  local name=$1 most=$2 log=$out/$1.log began=$SECONDS status
  shift 2
  [ "$most" -le "$(left)" ] || most=$(left)
  if [ "$most" -lt 5 ]; then
    echo "== $name: no time left"
    late=1
    return 1
  fi
  echo "== $name: $*"
  timeout -k 10 "$most" "$@" >"$log" 2>&1 &
  child=$!
  wait $child
  status=$?
  child=
  case $status in
    0) echo "   $((SECONDS - began)) s"; return 0 ;;
    124 | 137) late=1; echo "   cut off after $most s; the end of $log:" ;;
    *) failed=1; echo "   FAILED with status $status; the end of $log:" ;;
  esac
  tail -n 15 "$log"
  return 1
}

# once NAME SECONDS COMMAND...: the same unless it has been done
once() {
  if [ -e "$out/$1.done" ]; then
    echo "== $1: done before"
  elif run "$@"; then
    touch "$out/$1.done"
  fi
}

# rows NAME SECONDS COMMAND...: runs a command that makes rows of NAME.json until none is missing, or one ends without a row more: after a fault
# another process is needed
rows() {
  local name=$1 most=$2 file=$out/$1.json before retry=--retry
  shift 2
  while :; do
    before=$(count "$file")
    run "$name" "$most" "$@" $retry
    retry=
    [ "$late" = 0 ] && [ -s "$file" ] && grep -q '"missing"' "$file" && [ "$(count "$file")" != "$before" ] || break
  done
}

count() { grep -c '"name"' "$1" 2>/dev/null; }

bench() { rows "$1" "$2" "$dir/bench" --device "$device" --parts "$1" --sizes "$sizes" --iterations "$iterations" --d "$dim" --json "$out/$1.json" --resume; }

peers() { rows "$1" "$2" "$python" "$dir/peers/cuda_peers.py" --device "$device" --parts "$3" --sizes "$sizes" --iterations "$iterations" --d "$dim" --out "$out/$1.json" ${PEERS:-}; }

# tested NAME SECONDS BINARY TEST [FLAG...]: a test on the device; its references lie in DIR/shared. A binary without the test would pass
tested() {
  local name=$1 most=$2 binary=$3 test=$4
  shift 4
  once "$name" "$most" env SINKCPU_TEST_REQUIRE=cuda SINKCPU_REFS="$dir/shared/refs/open" "$dir/$binary" -test.v -test.run "^$test\$" -test.timeout "${most}s" "$@"
  if [ -e "$out/$name.done" ] && ! grep -q "^--- PASS: $test " "$out/$name.log"; then
    echo "   FAILED: $binary did not run $test"
    rm "$out/$name.done"
    failed=1
  fi
}

first() {
  nvidia-smi >"$out/device.log" 2>&1 || echo "== no nvidia-smi"
  tested first-system 60 device.test TestSystem
  if [ $failed = 1 ]; then
    table
    echo "== the device cannot be used: nothing else is tried"
    exit 1
  fi
  tested first-families 60 cuda.test TestFamiliesOnDevice
}

check() {
  local test
  for test in ClosedForms References Solver Clouds Ops; do
    tested "check-$test" 120 cuda.test "Test${test}OnDevice" -rapid.checks 20
  done
}

command_line() { # the whole of a solve, as a user has it
  set -e
  cd "$out"
  awk 'BEGIN { srand(1); for (i = 0; i < 12000; i++) { for (k = 0; k < 8; k++) printf "%s%.4f", (k ? "," : ""), rand(); print "" } }' >x.csv
  awk 'BEGIN { srand(2); for (i = 0; i < 12000; i++) { for (k = 0; k < 8; k++) printf "%s%.4f", (k ? "," : ""), rand(); print "" } }' >y.csv
  trap 'rm -f x.csv y.csv potentials-*.npz' EXIT
  "$dir/sinkcpu" info
  for d in "$device" auto cpu; do
    "$dir/sinkcpu" ot x.csv y.csv --debias --json --device "$d" --potentials "potentials-$d.npz"
  done
  status=0
  CUDA_VISIBLE_DEVICES='' "$dir/sinkcpu" ot x.csv y.csv --device cuda --json || status=$?
  [ $status -eq 1 ] || { echo "--device cuda without a device: exit status $status, want 1"; exit 1; }
  CUDA_VISIBLE_DEVICES='' "$dir/sinkcpu" ot x.csv y.csv --debias --json --potentials potentials-none.npz >/dev/null
  cmp potentials-none.npz potentials-cpu.npz
}

training() { # short runs on the device and the processor, one of them begun there and ended here
  set -e
  cd "$out"
  rm -rf run-*
  trap 'rm -rf run-*' EXIT
  for run in device:"$device" again:"$device" auto:auto cpu:cpu; do
    "$dir/sinkcpu" train --steps 600 --eval-every -1 --json --out "run-${run%%:*}" --device "${run#*:}"
  done
  "$dir/sinkcpu" train --objective classifier --data glyphs --steps 100 --json --out run-classifier --device "$device"
  "$dir/sinkcpu" train --objective wgan-gp --steps 100 --eval-every -1 --json --out run-wgan-gp --device "$device"
  "$dir/sinkcpu" train --gradient implicit --iters 500 --steps 100 --eval-every -1 --json --out run-implicit --device "$device"
  first=$(grep '"tensors"' run-device/checkpoint.json) second=$(grep '"tensors"' run-again/checkpoint.json)
  [ "$first" = "$second" ] || { echo "two runs on one device differ"; exit 1; }
  "$dir/sinkcpu" train --resume --out run-device --steps 700 --device cpu --json
}
export -f command_line training
export dir out device

table() {
  local found="" name
  for name in solver network peers torch; do # the first tells the device
    [ ! -s "$out/$name.json" ] || found=$found,$out/$name.json
  done
  if [ -n "$found" ]; then
    "$dir/bench" --merge "${found#,}" --json "$out/rows.json" >"$out/table.md" # a row without a value is in it, with its reason
  fi
  [ -z "${RESULTS:-}" ] || tar -czf "$RESULTS/out.tar.gz" -C "$dir" out
}

child=
stop() {
  trap - INT TERM
  [ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child"; }
  table
  echo "== interrupted; what was done is in $out"
  exit 130
}
trap stop INT TERM

for p in "$@"; do
  case $p in
    first) first ;;
    solver) bench solver 150 ;;
    peers) peers peers 200 solver ;;
    check) check ;;
    network) bench network 60 ;;
    torch) peers torch 90 network ;;
    command) once command 100 bash -c command_line ;;
    train) once train 200 bash -c training ;;
    table) ;;
  esac
  table
done
[ ! -s "$out/table.md" ] || cat "$out/table.md"
[ $failed = 0 ] || exit 1
[ $late = 0 ] || exit 3
