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

# The integration tests run real servers, as processes of their own on loopback.
need_servers() {
    PATH=$PATH:/usr/sbin
    local missing=()
    command -v mariadbd >/dev/null 2>&1 || missing+=(mariadb-server)
    command -v nginx >/dev/null 2>&1 || missing+=(nginx)
    [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
    command -v haproxy >/dev/null 2>&1 || missing+=(haproxy)
    command -v redis-server >/dev/null 2>&1 || missing+=(redis-server)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}, which the tests need"
    local log
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

test_all() {
    need_toolchain
    cargo fmt --version >/dev/null 2>&1 ||
        { echo "build.sh: rustfmt is missing: rustup component add rustfmt" >&2; exit 1; }
    cargo clippy --version >/dev/null 2>&1 ||
        { echo "build.sh: clippy is missing: rustup component add clippy" >&2; exit 1; }
    need_servers
    say "formatting"
    cargo fmt --all --check
    say "lints"
    cargo clippy --locked --workspace --all-targets -- -D warnings
    say "unit, integration and doc tests, simulation"
    cargo test --locked --workspace
    say "benches, once through"
    cargo test --locked -p benches --benches
    say "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
    say "everything passed"
}

bench() {
    need_toolchain
    build
    say "against a bare epoll loop on the same core"
    cargo run --release --locked -p benches --bin relay-bench -- "$@"
}

help() {
    cat <<'END'
bash build.sh            build bin/ChatServer and bin/ChatClient
./build.sh run [ARGS]    build, then start bin/ChatServer with ARGS (6000 unless told)
./build.sh test          the whole gate: formatting, lints, all tests, documentation
./build.sh bench [ARGS]  messages a second next to a bare epoll loop (--help lists ARGS)
./build.sh help          this
END
}

case "${1:-build}" in
    build) build ;;
    run) shift; run "$@" ;;
    test) test_all ;;
    bench) shift; bench "$@" ;;
    help | -h | --help) help ;;
    *) echo "build.sh: there is no '$1'" >&2; help >&2; exit 2 ;;
esac
