#!/usr/bin/env bash
# The paper's runs in order of value, for a machine with PyTorch and what `resnet` imports, but without DVC.
#
#     timeout 9m bash bench/paper_runs.sh              # from the repository's root; the same again to go on
#     bash bench/paper_runs.sh resnet-20 resnet-56     # only these of params.yaml's nets
#
# Asked to stop, it saves a checkpoint beside the results in runs/train and exits with 130. What is finished is kept.
set -euo pipefail
trap : TERM INT # the training is told too: wait until it has saved its checkpoint

resnet=("${PYTHON:-python}" -m resnet)
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    names=(
        resnet-20 resnet-32 resnet-44 resnet-56 resnet-110
        plain-20 plain-32 plain-44 plain-56 plain-110
        resnet-1202
        resnet-20-option-b resnet-56-option-b
    )
fi

"${resnet[@]}" data --verify 2>/dev/null || "${resnet[@]}" data
for name in "${names[@]}"; do
    IFS=- read -r net depth _ <<<"$name"
    "${resnet[@]}" train --net "$net" --depth "$depth" --name "$name" --out "runs/train/$name" --weights "weights/$name"
    "${resnet[@]}" responses --net "$net" --depth "$depth" --name "$name" \
        --weights "weights/$name" --out "runs/responses/$name.json"
done
