#!/usr/bin/env bash
# Runs a cluster on this machine: MariaDB, Redis, three ChatServers, and nginx in front of them.
# `./build.sh cluster` starts this, after it has built and installed what is needed; see --help.
# shellcheck disable=SC2317 # What traps and wait_until_ready call is not seen to be called.
set -euo pipefail
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin

node_count=3
# Seconds until each part is ready. The database may have to recover what a kill -9 left.
ready_within=60
# Seconds for each part to end by itself. A node takes 5 to store what it owes.
end_within=15

port=8000 # of nginx
folder= # of everything that the parts write
keep_folder=no
mysql_url= # with the password
declare -A pids=() ports=()

help() {
    cat <<END
./build.sh cluster [--port N] [--data DIR]

Brings up MariaDB, Redis, $node_count ChatServers and nginx, all on 127.0.0.1; clients connect to nginx.
Ctrl-C or SIGTERM takes all down.

  --port N      where nginx listens (8000 unless told)
  --data DIR    keep accounts, messages and logs in DIR; without it they are gone with the cluster
END
}

fail() { # text, exit status
    echo "cluster: $1" >&2
    exit "${2:-1}"
}

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) help; exit ;;
            --port | --data) [ $# -gt 1 ] || fail "$1 wants a value" 2 ;;
            *) fail "there is no '$1': --help tells what there is" 2 ;;
        esac
        if [ "$1" = --port ]; then port=$2; else folder=$2 keep_folder=yes; fi
        shift 2
    done
    [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] || fail "'$port' is no port" 2
}

accepts() { # port
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The port lies below the range from which the kernel gives to clients.
choose_port() { # name, first port that will do
    ports[$1]=$2
    while accepts "${ports[$1]}"; do ports[$1]=$((ports[$1] + 1)); done
}

make_folder() {
    if [ "$keep_folder" = yes ]; then
        mkdir -p "$folder"
        folder=$(cd "$folder" && pwd)
    else
        folder=$(mktemp -d "${TMPDIR:-/tmp}/chat-cluster.XXXXXX")
        # MariaDB goes through it as another user.
        chmod 711 "$folder"
    fi
    mkdir -p "$folder/log"
}

log_of() { # name
    echo "$folder/log/${1// /-}.log"
}

# A session of its own: Ctrl-C reaches this script alone, which ends the parts in order. Should the
# script be killed, the kernel ends them.
start() { # name, command...
    setsid setpriv --pdeathsig TERM "${@:2}" </dev/null >>"$(log_of "$1")" 2>&1 &
    pids[$1]=$!
}

runs() { # name
    kill -0 "${pids[$1]}" 2>/dev/null
}

wait_until_ready() { # name, what to say of it, question...
    local deadline=$((SECONDS + ready_within))
    until "${@:3}"; do
        runs "$1" || fail_to_start "$1" "ended at once"
        [ "$SECONDS" -lt "$deadline" ] || fail_to_start "$1" "is not ready after $ready_within s"
        sleep 0.1
    done
    # Another program may have taken the port meanwhile, and answer for it.
    runs "$1" || fail_to_start "$1" "ended at once"
    printf '  %-8s %-50s process %s\n' "$1" "$2" "${pids[$1]}"
}

fail_to_start() { # name, what is wrong
    tail -n 20 "$(log_of "$1")" >&2
    fail "$1 $2; its log ends as shown above"
}

start_mariadb() {
    local data=$folder/mariadb password log
    local -a as_owner=()
    log=$(log_of MariaDB)
    mkdir -p "$data"
    if [ "$(id -u)" = 0 ]; then
        # It refuses to run as root.
        chown mysql: "$data"
        as_owner=(setpriv --reuid=mysql --regid=mysql --init-groups --pdeathsig TERM)
        "${as_owner[@]}" test -w "$data" ||
            fail "the user mysql cannot reach $folder: choose another folder with --data"
    fi
    if [ ! -d "$data/mysql" ]; then
        "${as_owner[@]}" mariadb-install-db --no-defaults --datadir="$data" --skip-test-db \
            --auth-root-authentication-method=socket >>"$log" 2>&1 ||
            fail_to_start MariaDB "cannot make its tables"
    fi
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    mysql_url="mysql://chat:$password@127.0.0.1:${ports[MariaDB]}/chat"
    make_account "$password" "$data/account.sql"
    start MariaDB "${as_owner[@]}" mariadbd --no-defaults --datadir="$data" \
        --socket=mariadbd.sock --pid-file=mariadbd.pid --bind-address=127.0.0.1 \
        --port="${ports[MariaDB]}" --skip-name-resolve --init-file="$data/account.sql"
    wait_until_ready MariaDB "127.0.0.1:${ports[MariaDB]}" accepts "${ports[MariaDB]}"
}

# What MariaDB does before it lets anyone in. The password is new at each start.
make_account() { # password, file
    rm -f "$2"
    (umask 077 && : >"$2")
    [ "$(id -u)" != 0 ] || chown mysql: "$2"
    cat >"$2" <<END
CREATE DATABASE IF NOT EXISTS chat;
CREATE OR REPLACE USER 'chat'@'127.0.0.1' IDENTIFIED BY '$1';
GRANT ALL ON chat.* TO 'chat'@'127.0.0.1';
END
}

start_redis() {
    start Redis redis-server --bind 127.0.0.1 --port "${ports[Redis]}" --save '' --appendonly no \
        --dir "$folder"
    wait_until_ready Redis "127.0.0.1:${ports[Redis]}" accepts "${ports[Redis]}"
}

start_node() { # name
    local node=${ports[$1]} health=${ports[$1 health]}
    # The environment hides the password from `ps`.
    CHAT_MYSQL=$mysql_url start "$1" bin/ChatServer 127.0.0.1 "$node" \
        --redis "redis://127.0.0.1:${ports[Redis]}" --proxy-from 127.0.0.1 --health "$health"
    wait_until_ready "$1" "127.0.0.1:$node, health http://127.0.0.1:$health/ready" is_healthy "$health"
}

is_healthy() { # health port
    local status
    status=$(ask_health "$1" 2>/dev/null) && [[ $status == "HTTP/1.1 200 "* ]]
}

ask_health() { # health port
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 3 line <&3
    echo "$line"
}

# The project's configuration with this port and these servers, each with the same options.
configure_nginx() {
    local number servers=
    for ((number = 1; number <= node_count; number++)); do
        servers+="\\1server 127.0.0.1:${ports[node $number]} \\2\\n"
    done
    sed -E -e '/^ *server 127\.0\.0\.1:600[1-9] /d' \
        -e "s|^( *)server 127\.0\.0\.1:6000 (.*)|$servers|" \
        -e "s|listen 8000 |listen 127.0.0.1:$port |" \
        -e "s|^error_log error.log |error_log log/nginx.log |" nginx/nginx.conf
}

start_nginx() {
    configure_nginx >"$folder/nginx.conf"
    start nginx nginx -p "$folder" -c "$folder/nginx.conf" -e "$(log_of nginx)" -g 'daemon off;'
    wait_until_ready nginx "127.0.0.1:$port" accepts "$port"
}

start_all() {
    local number
    ! accepts "$port" || fail "port $port is taken: end who listens there, or choose another with --port"
    make_folder
    unset "${!CHAT_@}"
    echo "starting, with logs in $folder/log:"
    choose_port MariaDB 13306
    start_mariadb
    choose_port Redis 16379
    start_redis
    for ((number = 1; number <= node_count; number++)); do
        choose_port "node $number" $((6000 + number))
        choose_port "node $number health" $((6100 + number))
        start_node "node $number"
    done
    start_nginx
    echo
    echo "The cluster is ready. Connect with: bin/ChatClient 127.0.0.1 $port"
    echo "Ctrl-C takes it down."
}

# Says so when a part ends; returns when all have.
watch() {
    local name ended status
    while [ ${#pids[@]} -gt 0 ]; do
        status=0
        # Without bash's own line about who was killed.
        { wait -n -p ended "${pids[@]}" || status=$?; } 2>/dev/null
        for name in "${!pids[@]}"; do
            [ "${pids[$name]}" = "$ended" ] || continue
            echo "$name ended with status $status, its log is $(log_of "$name")"
            unset "pids[$name]"
        done
    done
    fail "nothing is left"
}

# Ends these parts together and waits for them.
end() { # name...
    local name
    for name in "$@"; do
        [ -z "${pids[$name]:-}" ] || kill -TERM "${pids[$name]}" 2>/dev/null || true
    done
    for name in "$@"; do
        [ -z "${pids[$name]:-}" ] || wait_for_end "$name"
    done
}

wait_for_end() { # name
    local deadline=$((SECONDS + end_within))
    while runs "$1"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "cluster: $1 does not end within $end_within s: killed" >&2
            kill -KILL "${pids[$1]}" 2>/dev/null || true
            deadline=$((SECONDS + end_within))
        fi
        sleep 0.05
    done
}

# The nodes first: what they owe goes to the database.
take_down() {
    local status=$? number
    local -a nodes=()
    trap '' INT TERM HUP
    if [ ${#pids[@]} -gt 0 ]; then echo "taking all down"; fi
    for ((number = 1; number <= node_count; number++)); do nodes+=("node $number"); done
    end "${nodes[@]}"
    end nginx
    end Redis
    end MariaDB
    if [ "$keep_folder" = no ] && [ "$status" = 0 ]; then rm -rf "$folder"; fi
    exit "$status"
}

read_arguments "$@"
trap take_down EXIT
trap 'exit 0' INT TERM HUP
start_all
watch
