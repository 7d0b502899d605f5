#!/bin/sh
# What ./check --full adds: thousands of the model's runs, the end-to-end tests under ThreadSanitizer, minutes of each fuzzer.
# FUZZ_SECONDS (300) per fuzzer; MODEL_RUNS (4000).
set -eu
cd "$(dirname "$0")/.."
say() {
    printf '       %s\n' "$*"
}

say "the model's runs: ${MODEL_RUNS:-4000}"
CPUSH_SOURCE=$PWD CPUSH_BUILD=$PWD/build/asan CPUSH_MODEL_RUNS=${MODEL_RUNS:-4000} build/asan/bin/test_model >/dev/null
say "end to end under ThreadSanitizer"
cmake --preset tsan >/dev/null
cmake --build --preset tsan --parallel "$(nproc)" >/dev/null
CPUSH_BUILD=$PWD/build/tsan CPUSH_SOURCE=$PWD python3 -m unittest discover -s t/e2e
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --parallel "$(nproc)" >/dev/null
for fuzzer in build/fuzz/bin/fuzz_*; do
    name=$(basename "$fuzzer")
    name=${name#fuzz_}
    corpus=$(mktemp -d)
    cp -r "t/fuzz/corpus/$name/." "$corpus"
    log=build/fuzz/$name.log
    if ! "$fuzzer" -max_total_time="${FUZZ_SECONDS:-300}" -timeout=20 -rss_limit_mb=2048 "$corpus" >"$log" 2>&1; then
        tail -n 30 "$log"
        exit 1
    fi
    say "fuzzer $name: $(grep -o 'Done [0-9]* runs' "$log" || echo 'no figure')"
    rm -rf "$corpus"
done
