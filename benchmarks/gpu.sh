#!/usr/bin/env bash
# What one GPU does, in at most six minutes: peers, number formats, batch sizes, a long training, a profile.
#
#     benchmarks/gpu.sh OUT                       # gan_jax is installed with its extra 'cuda'
#     WHEELS=DIR benchmarks/gpu.sh OUT            # makes an environment of a folder of wheels first
#     TORCH_PYTHON=PATH benchmarks/gpu.sh OUT     # a Python that has PyTorch; without it no peer
#     SMALL=1 benchmarks/gpu.sh OUT               # the smallest form, to try the script on a CPU
#
# Each part writes its JSON or log to OUT and is not done again where OUT has its mark, so a second
# call goes on. A part that fails is named at the end, and the others run all the same.
set -uo pipefail
cd "$(dirname "$0")/.."

out=${1:?usage: benchmarks/gpu.sh OUT}
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=()

part() { # NAME SECONDS COMMAND...: runs it once, for so long at most
  local name=$1 seconds=$2
  shift 2
  [ -e "$out/$name.done" ] && return
  local left=$((360 - SECONDS))
  echo "== $name"
  if [ "$left" -gt 0 ] && timeout "$((seconds < left ? seconds : left))" "$@" >"$out/$name.log" 2>&1; then
    touch "$out/$name.done"
  else
    failed+=("$name")
  fi
  tail -n 12 "$out/$name.log"
}

python=python3
if [ -n "${WHEELS:-}" ]; then
  [ -e "$out/venv/bin/python" ] || python3 -m venv "$out/venv"
  python=$out/venv/bin/python
  part install 120 "$python" -m pip install --quiet --no-index --find-links "$WHEELS" -e ".[cuda]"
fi

if [ -n "${SMALL:-}" ]; then
  device=cpu works=dcgan28 turns=(--rounds 1 --seconds 0.2 --busy) batches="8 16" steps=4 profiled=2
  data=(--config.model.name=dcgan --config.model.width=8 --config.evaluation.num_samples=200)
else
  device=gpu works=article,dcgan64 turns=(--rounds 3 --seconds 0.5) steps=23438 profiled=10
  batches="128 512 2048 8192 16384 32768" data=()
fi
step=("$python" -m benchmarks.step --device "$device" --output "$out" "${turns[@]}")
peers=()
[ -n "${TORCH_PYTHON:-}" ] && peers=(--peers torch --torch-python "$TORCH_PYTHON") || peers=(--peers scan)

part card 30 "$python" -c "import jax; d = jax.devices()[0]; print(d.device_kind, '|', d.platform, '| JAX', jax.__version__)"
# JAX and PyTorch both multiply float32 matrices in TF32 here.
part peers_tf32 90 "${step[@]}" --work "$works" "${peers[@]}"
part peers_bfloat16 90 "${step[@]}" --work "$works" "${peers[@]}" --dtype bfloat16
part ours_float32 40 env JAX_DEFAULT_MATMUL_PRECISION=highest "${step[@]}" --work "$works" --peers ''
for batch in $batches; do
  part "batch_$batch" 40 "${step[@]}" --work "${works##*,}" --peers '' --dtype bfloat16 --batch-size "$batch"
  [ -e "$out/batch_$batch.done" ] || { unset "failed[-1]"; break; } # the card's memory ends here
done
# 50 epochs of 60,000 digits: as many images of the built-in 4,000, as full MNIST is not in the package.
part digits 150 "$python" train.py --config configs/mnist.py --workdir "$out/digits" \
  --config.dataset.name=mnist5k --config.judge.pack=mnist-v1 --config.num_epochs=0 \
  --config.num_steps="$steps" --config.evaluation.every=0 "${data[@]}"
part profile 60 "$python" -m benchmarks.profile --work "${works%%,*}" --steps "$profiled"

if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]} (see $out/NAME.log); the same command tries them again"
  exit 1
fi
echo "all parts are in $out"
