#!/usr/bin/env bash
# Checks and times a CUDA device, beside PyTorch and FlashSinkhorn, on a machine that needs neither Go nor a network:
#
#   bench/cuda.sh --build DIR [amd64|arm64]   with Go: what is carried to the machine, into DIR
#   bench/cuda.sh DIR [PART...]               there: check, solver, peers, network, command, table; all of them by default
#
# Results lie in DIR/out, the table in DIR/out/table.md, all rows in DIR/out/rows.json. A part whose result is there is not made again: delete it to. A
# run of all parts takes under ten minutes on one H200. SIZES, ITERATIONS and DIM change what is timed, DEVICE which device (cuda),
# PYTHON which Python (python3).
set -uo pipefail

build() {
  local dir=$1 arch=${2:-$(go env GOARCH)} here
  here=$(cd "$(dirname "$0")/.." && pwd)
  mkdir -p "$dir" && dir=$(cd "$dir" && pwd)
  cd "$here" || exit 1
  set -e
  export GOOS=linux GOARCH=$arch
  go test -trimpath -c -o "$dir/cuda.test" ./cuda
  go test -trimpath -c -o "$dir/device.test" ./cuda/device
  go build -trimpath -o "$dir/sinkcpu" ./cmd/sinkcpu
  go build -trimpath -o "$dir/bench" ./cuda/bench
  mkdir -p "$dir/peers"
  cp bench/peers/cuda_peers.py bench/peers/torch_nn.py bench/peers/peers.py bench/peers/rows.py "$dir/peers/"
  cp bench/cuda.sh "$dir/"
  if [ -d ../shared/refs ]; then
    mkdir -p "$dir/shared" "$dir/src/cuda"
    cp -r ../shared/refs "$dir/shared/"
  fi
  du -sh "$dir"
}

if [ "${1:-}" = --build ]; then
  [ $# -ge 2 ] || { echo "cuda.sh: --build needs a folder" >&2; exit 2; }
  build "$2" "${3:-}"
  exit
fi
[ $# -ge 1 ] && [ -x "$1/bench" ] || { echo "cuda.sh: want the folder that --build made" >&2; exit 2; }
dir=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- check solver peers network command table
out=$dir/out device=${DEVICE:-cuda} python=${PYTHON:-python3}
sizes=${SIZES:-10000,20000,50000} iterations=${ITERATIONS:-10,100} dim=${DIM:-64}
mkdir -p "$out"
failed=0

# part NAME FILE SECONDS COMMAND...: runs the command, which leaves FILE or, where that is the log, prints it, unless it is there
part() {
  local name=$1 file=$2 limit=$3 log=$out/$1.log began
  shift 3
  if [ -s "$file" ]; then
    echo "== $name: $file is there"
    return
  fi
  began=$(date +%s)
  echo "== $name: $*"
  timeout "$limit" "$@" >"$log.part" 2>&1
  local status=$?
  if [ $status -eq 0 ]; then
    mv "$log.part" "$log"
    echo "   $(($(date +%s) - began)) s"
  else
    failed=1
    mv "$log.part" "$log.failed"
    echo "   FAILED with status $status; the end of $log.failed:"
    tail -n 15 "$log.failed"
  fi
}

checks() { # the compliance suite, references included, on the device; tests on the simulated device need a compiler and are left out
  mkdir -p "$dir/src/cuda" && cd "$dir/src/cuda" || return 1 # ../../shared is beside the root of the sources
  export SINKCPU_TEST_REQUIRE=cuda SINKCPU_TEST_DEVICE=$device
  nvidia-smi
  "$dir/device.test" -test.v -test.run System -test.timeout 60s || return 1
  "$dir/cuda.test" -test.v -test.run OnDevice -rapid.checks 20 -test.timeout 170s
}

command_line() { # the whole of a solve, as a user has it
  local x=$out/x.csv y=$out/y.csv
  awk 'BEGIN { srand(1); for (i = 0; i < 12000; i++) { for (k = 0; k < 8; k++) printf "%s%.4f", (k ? "," : ""), rand(); print "" } }' >"$x"
  awk 'BEGIN { srand(2); for (i = 0; i < 12000; i++) { for (k = 0; k < 8; k++) printf "%s%.4f", (k ? "," : ""), rand(); print "" } }' >"$y"
  "$dir/sinkcpu" info || return 1
  for d in cpu "$device" auto; do
    "$dir/sinkcpu" ot "$x" "$y" --debias --json --device "$d" --potentials "$out/potentials-$d.npz" || return 1
  done
  CUDA_VISIBLE_DEVICES='' "$dir/sinkcpu" ot "$x" "$y" --device cuda --json
  [ $? -eq 1 ] || { echo "--device cuda without a device: want exit status 1"; return 1; }
  CUDA_VISIBLE_DEVICES='' "$dir/sinkcpu" ot "$x" "$y" --debias --json --potentials "$out/potentials-none.npz" >/dev/null || return 1
  cmp "$out/potentials-none.npz" "$out/potentials-cpu.npz" || return 1
  training
}

training() { # short runs on the processor and the device, one of them begun there and ended here
  local first second
  rm -rf "$out"/run-*
  for run in cpu:cpu device:"$device" again:"$device" auto:auto; do
    "$dir/sinkcpu" train --steps 600 --eval-every -1 --json --out "$out/run-${run%%:*}" --device "${run#*:}" || return 1
  done
  "$dir/sinkcpu" train --objective classifier --data glyphs --steps 100 --json --out "$out/run-classifier" --device "$device" || return 1
  first=$(grep '"tensors"' "$out/run-device/checkpoint.json") second=$(grep '"tensors"' "$out/run-again/checkpoint.json")
  [ "$first" = "$second" ] || { echo "two runs on one device differ"; return 1; }
  "$dir/sinkcpu" train --resume --out "$out/run-device" --steps 700 --device cpu --json
}
export -f checks command_line training
export dir out device

for p in "$@"; do
  case $p in
    check) part check "$out/check.log" 240 bash -c checks ;;
    solver) part solver "$out/solver.json" 150 "$dir/bench" --device "$device" --parts solver --sizes "$sizes" --iterations "$iterations" --d "$dim" --json "$out/solver.json" ;;
    network) part network "$out/network.json" 60 "$dir/bench" --device "$device" --parts network --json "$out/network.json" ;;
    peers) part peers "$out/peers.json" 180 "$python" "$dir/peers/cuda_peers.py" --sizes "$sizes" --iterations "$iterations" --d "$dim" --out "$out/peers.json" ${PEERS:-} ;;
    command) part command "$out/command.log" 120 bash -c command_line ;;
    table)
      found=$(ls "$out"/solver.json "$out"/network.json "$out"/peers.json 2>/dev/null | paste -sd, -)
      [ -n "$found" ] || { echo "== table: no rows"; failed=1; continue; }
      "$dir/bench" --merge "$found" --json "$out/rows.json" >"$out/table.md" || failed=1
      cat "$out/table.md"
      ;;
    *) echo "cuda.sh: no part $p" >&2; exit 2 ;;
  esac
done
exit $failed
