#!/bin/sh
# cookbook.sh OUT MNIST [SHARE]: train the eight presets of the generative cookbook on MNIST, one after the other, and write their reconstructions,
# ways and codes and a table. Each takes as many steps as SHARE (default 1) times eight minutes of two cores, and what is in OUT already is
# kept and gone on from: stop the script and start it at any time, and with a larger SHARE to train on.
# PRESETS names those to do, THREADS the workers of each (default: one a processor), SINKCPU the program (default: sinkcpu in PATH);
# EVAL=no leaves out `sinkcpu eval`.
set -eu

out=${1:?folder of the runs} mnist=${2:?folder of MNIST} share=${3:-1}
sinkcpu=${SINKCPU:-sinkcpu}
presets=${PRESETS:-vae aae wae-mmd wae-gan sae avb wgan wgan-gp}

# plan PRESET: the steps of eight minutes of two otherwise idle cores, and the steps in which rates halve. Steps a second, from
#   sinkcpu train --preset P-mnist --data mnist:DIR --steps N --eval-every -1 --sample-every 0 --save-every 10000 --json
# with N for about three seconds, on two cores of an AMD EPYC (Zen 5): 188, 167, 228, 181, 268, 60, 84, 41 in this order.
plan() {
	case $1 in
	vae) echo 90000 15000 ;;
	aae) echo 80000 15000 ;;
	wae-mmd) echo 109000 15000 ;;
	wae-gan) echo 86000 15000 ;;
	sae) echo 128000 15000 ;;
	avb) echo 28000 5000 ;;
	wgan) echo 40000 5000 ;;
	wgan-gp) echo 19000 2500 ;;
	*) echo "cookbook.sh: unknown preset $1" >&2; exit 2 ;;
	esac
}

# quietly FILE COMMAND...: run the command unless FILE is there and newer than the run's checkpoint.
quietly() {
	file=$1
	shift
	if [ ! "$file" -nt "$run/checkpoint.safetensors" ]; then "$@"; fi
}

# number KEY FILE: the first number of that key.
number() { sed -n "s/^ *\"$1\": *\([-0-9.e+]*\),*\$/\1/p" "$2" | head -n 1; }

mkdir -p "$out"
for preset in $presets; do
	run=$out/$preset
	planned=$(plan "$preset")
	steps=$(awk -v n="${planned% *}" -v share="$share" 'BEGIN { printf "%d", n * share }')
	if [ -f "$run/config.json" ]; then
		if [ ! -f "$run/summary.json" ] || [ "$(number steps "$run/summary.json")" -lt "$steps" ]; then
			"$sinkcpu" train --resume --out "$run" --steps "$steps" --threads "${THREADS:-0}"
		fi
	else
		"$sinkcpu" train --preset "$preset-mnist" --data "mnist:$mnist" --out "$run" --steps "$steps" --lr-half-life "${planned#* }" --threads "${THREADS:-0}"
	fi
	case $preset in
	wgan*) ;;
	*)
		quietly "$run.reconstructions.png" "$sinkcpu" reconstruct --run "$run" --out "$run.reconstructions.png"
		quietly "$run.ways.png" "$sinkcpu" interpolate --run "$run" --out "$run.ways.png"
		quietly "$run.codes.png" "$sinkcpu" encode --run "$run" -n 5000 --out "$run.codes.png"
		;;
	esac
	if [ "${EVAL:-yes}" = yes ]; then
		quietly "$run.eval.json" sh -c "'$sinkcpu' eval --run '$run' --n 1000 --threads ${THREADS:-0} --json >'$run.eval.json.part' && mv '$run.eval.json.part' '$run.eval.json'"
	fi
done

# One line a preset. From summary.json: steps, seconds of all processors, error of reconstructions of held-out rows, MMD of their codes to the
# prior; from `sinkcpu eval`, where that was not left out: held-out measure, Frechet distance and coverage in the features of digits, sharpness.
metric() { # NAME KEY FILE: KEY of the first object called NAME, in three digits; a dash where there is none
	value=-
	if [ -f "$3" ]; then
		value=$(sed -n "/\"name\": \"$1\"/{n;s/^ *\"$2\": *\([-0-9.e+]*\).*/\1/p;}" "$3" | head -n 1)
	fi
	case $value in -|'') echo - ;; *) printf '%.3g' "$value" ;; esac
}
{
	echo '| preset | steps | CPU seconds | squared error | MMD of codes | held-out measure | Frechet | coverage | sharpness |'
	echo '|---|--:|--:|--:|--:|--:|--:|--:|--:|'
	for preset in $presets; do
		s=$out/$preset/summary.json e=$out/$preset.eval.json
		echo "| $preset | $(number steps "$s") | $(number cpu_seconds "$s") | $(metric held_out_squared_error value "$s")" \
			"| $(metric held_out_latent_mmd value "$s") | $(metric held_out mean "$e") | $(metric frechet_digits mean "$e")" \
			"| $(metric coverage_digits mean "$e") | $(metric sharpness mean "$e") |"
	done
} >"$out/table.md"
cat "$out/table.md"
