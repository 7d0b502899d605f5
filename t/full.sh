#!/bin/sh
# What ./check --full adds: thousands of the model's runs, the end-to-end tests under ThreadSanitizer, torture, minutes of each fuzzer.
# FUZZ_SECONDS (300) per fuzzer; MODEL_RUNS (4000); TORTURE_RUNS (2000) sessions, TORTURE_POINTS (20) kills at each named point,
# TORTURE_KILLS (200) at random; HEARTBEATS (720) of each phone. The torture of t/torture takes some hours of two cores.
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
say "half a day of heartbeats: ${HEARTBEATS:-720} of each of 12 phones on each store, with the release build"
CPUSH_BUILD=$PWD/build/release CPUSH_SOURCE=$PWD CPUSH_HEARTBEATS=${HEARTBEATS:-720} CPUSH_HEARTS=6 \
    python3 -m unittest discover -s t/e2e -p test_heartbeats.py >build/heartbeats.log 2>&1 || { cat build/heartbeats.log; exit 1; }
grep -o '[a-z]*: [0-9]* heartbeats after .*' build/heartbeats.log
say "torture: ${TORTURE_RUNS:-2000} sessions on each store, named points ${TORTURE_POINTS:-20} times each, ${TORTURE_KILLS:-200} random kills"
torture() {
    CPUSH_BUILD=$PWD/build/$1 CPUSH_SOURCE=$PWD python3 t/torture/run.py --store "$2" --responders "$3" --jobs "$(($(nproc) * 4))" \
        --hurt "$4" --runs "$5" --points "$6" --kills "$7" | tee build/torture.log | tail -n 1
    ! grep -q '^====' build/torture.log || { cat build/torture.log; exit 1; }
}
for store in "sqlite 1" "mariadb 1"; do
    # shellcheck disable=SC2086
    {
        torture asan $store lost,repeat,kill 1 0 "${TORTURE_KILLS:-200}"
        torture asan $store lost,repeat,kill 1 "${TORTURE_POINTS:-20}" 0
        torture asan $store lost,repeat,backend,store,clock "$((${TORTURE_RUNS:-2000} / 5))" 0 0
    }
done
if [ "$(id -u)" = 0 ]; then # it mounts a small file system
    torture asan sqlite 1 lost,repeat,full "$((${TORTURE_RUNS:-2000} / 5))" 0 0
fi
torture asan sqlite 1 lost,repeat,twice "${TORTURE_RUNS:-2000}" 0 0
torture asan mariadb 2 lost,repeat,twice "${TORTURE_RUNS:-2000}" 0 0
torture tsan sqlite 1 lost,repeat,twice,backend "$((${TORTURE_RUNS:-2000} / 10))" 0 0
torture tsan mariadb 2 lost,repeat,twice,kill "$((${TORTURE_RUNS:-2000} / 10))" 0 0
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
