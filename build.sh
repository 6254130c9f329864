#!/usr/bin/env bash
# Builds, runs and tests everything. `./build.sh help` lists what there is.
set -euo pipefail
cd "$(dirname "$0")"

target=${CARGO_TARGET_DIR:-target}

say() { printf '\n== %s\n' "$*"; }

need() { # command, what to do when it is missing
    command -v "$1" >/dev/null 2>&1 || { echo "build.sh: $1 is missing: $2" >&2; exit 1; }
}

need_toolchain() {
    need cargo "install Rust 1.89 or newer, see https://rustup.rs"
    need cc "install a C compiler, for example: apt-get install gcc libc6-dev"
}

is_installed() { # Debian package
    case $1 in
        mariadb-server) command -v mariadbd ;;
        libnginx-mod-stream) [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] ;;
        ejabberd) command -v ejabberdctl ;;
        *) command -v "$1" ;; # named as its program
    esac >/dev/null 2>&1
}

need_packages() { # who needs them, packages...
    local user=$1 package log missing=()
    PATH=$PATH:/usr/sbin
    for package in "${@:2}"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]} for $user"
    log=$(mktemp)
    # The first try fails where package lists were never fetched. RUNLEVEL: no services are wanted.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    if { apt-get install -y --no-install-recommends "${missing[@]}" ||
        { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; }; } \
        >"$log" 2>&1; then
        rm -f "$log"
    else
        echo "build.sh: cannot install ${missing[*]} (see $log): as root, apt-get install ${missing[*]}" >&2
        exit 1
    fi
}

build() {
    need_toolchain
    say "building bin/ChatServer and bin/ChatClient (the first time takes a few minutes)"
    cargo build --release --locked -p chatservice -p chatclient
    mkdir -p bin
    # A running server keeps its old file: the new one takes the name.
    for name in ChatServer ChatClient; do
        install -m 755 "$target/release/$name" "bin/.$name.new"
        mv -f "bin/.$name.new" "bin/$name"
    done
}

run() {
    build
    [ $# -gt 0 ] || set -- 6000
    say "starting bin/ChatServer $*"
    exec bin/ChatServer "$@"
}

cluster() {
    case "${1:-}" in -h | --help) exec ./cluster.sh --help ;; esac
    need_packages "the cluster" mariadb-server redis-server nginx libnginx-mod-stream
    build
    exec ./cluster.sh "$@"
}

test_all() {
    need_toolchain
    cargo fmt --version >/dev/null 2>&1 ||
        { echo "build.sh: rustfmt is missing: rustup component add rustfmt" >&2; exit 1; }
    cargo clippy --version >/dev/null 2>&1 ||
        { echo "build.sh: clippy is missing: rustup component add clippy" >&2; exit 1; }
    # The integration tests run real servers, as processes of their own on loopback.
    need_packages "the tests" mariadb-server redis-server nginx libnginx-mod-stream haproxy \
        ngircd nats-server mosquitto
    say "formatting"
    cargo fmt --all --check
    say "lints"
    cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
    cargo clippy --locked -p reactor --all-targets -- -D warnings
    say "unit, integration and doc tests, simulation"
    cargo test --locked --workspace --all-features
    say "all interleavings of the wake-up of a loop"
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="$target/loom" \
        cargo test --locked -p reactor --lib --release loom_
    say "benches, once through"
    cargo test --locked -p benches --benches
    say "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps --quiet
    say "everything passed"
}

bench() {
    need_toolchain
    build
    say "against a bare epoll loop on the same core"
    cargo run --release --locked -p benches --bin relay-bench -- "$@"
}

bench_cluster() {
    need_toolchain
    need_packages "the bench" mariadb-server redis-server nats-server
    build
    say "two nodes against two nats-servers on the same two cores"
    cargo run --release --locked -p benches --bin cluster-bench -- "$@"
}

bench_compare() {
    need_toolchain
    need_packages "the comparison" ngircd nats-server mosquitto ejabberd mariadb-server redis-server
    say "building ChatServer, the bare loop and the load"
    cargo build --release --locked -p chatservice -p benches \
        --bin ChatServer --bin bare-echo --bin compare-bench
    say "beside ngircd, nats-server, mosquitto and ejabberd, in turn"
    "$target/release/compare-bench" "$@"
}

bench_echo() {
    need_toolchain
    say "building the three echo servers and their load"
    cargo build --release --locked -p benches --bins
    say "the reactor beside tokio and a bare epoll loop on the same core"
    "$target/release/echo-bench" "$@"
}

bench_reactor() {
    need_toolchain
    say "building the reactor bench and the servers that it measures"
    cargo build --release --locked -p benches --bins
    say "the reactor beside muduo's way, tokio and bare loops"
    "$target/release/reactor-bench" "$@"
}

chatbench() {
    need_toolchain
    build
    say "building the load generator"
    cargo build --release --locked -p benches --bin chatbench
    exec "$target/release/chatbench" "$@"
}

faults() {
    need_toolchain
    need_packages "the fault suite" mariadb-server redis-server nginx libnginx-mod-stream
    say "building ChatServer and the fault suite"
    cargo build --release --locked -p chatservice -p faults
    local minutes=${1:-10}
    [ $# -eq 0 ] || shift
    say "faults for $minutes minutes; the table comes at the end"
    exec "$target/release/faults" run --minutes "$minutes" "$@"
}

help() {
    cat <<'END'
bash build.sh            build bin/ChatServer and bin/ChatClient
./build.sh run [ARGS]    build, then start bin/ChatServer with ARGS (6000 unless told)
./build.sh test          the whole gate: formatting, lints, all tests, documentation
./build.sh cluster [ARGS]
                         three nodes, MariaDB, Redis, and nginx on port 8000 (--help lists ARGS)
./build.sh bench [ARGS]  messages a second next to a bare epoll loop (--help lists ARGS)
./build.sh bench-cluster [ARGS]
                         messages a second from node to node, next to two nats-servers
./build.sh bench-compare [ARGS]
                         next to ngircd, nats-server, mosquitto and ejabberd, in one table
./build.sh bench-echo [ARGS]
                         a block echoed by the reactor, next to tokio and a bare epoll loop
./build.sh bench-reactor [ARGS]
                         what else the reactor claims: posts, memory, timers and more, in one table
./build.sh chatbench SCENARIO [ARGS]
                         many clients of a server, every message accounted for (--help lists both)
./build.sh faults [MINUTES [ARGS]]
                         real servers killed, frozen and cut off under traffic, and a table
./build.sh help          this
END
}

case "${1:-build}" in
    build) build ;;
    run) shift; run "$@" ;;
    test) test_all ;;
    cluster) shift; cluster "$@" ;;
    bench) shift; bench "$@" ;;
    bench-cluster) shift; bench_cluster "$@" ;;
    bench-compare) shift; bench_compare "$@" ;;
    bench-echo) shift; bench_echo "$@" ;;
    bench-reactor) shift; bench_reactor "$@" ;;
    chatbench) shift; chatbench "$@" ;;
    faults) shift; faults "$@" ;;
    help | -h | --help) help ;;
    *) echo "build.sh: there is no '$1'" >&2; help >&2; exit 2 ;;
esac
