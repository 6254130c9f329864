#!/usr/bin/env bash
# The atomic read-modify-writes of each chat loop for a message, by function: what locks and shared counters it
# touches. A ChatServer with two loops runs under callgrind (Debian: valgrind, binutils); ARGS go to
# `chatbench pairs`, so `benches/locked.sh --in-flight 50` is the pipelined shape. x86-64 only.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PROGRAMS=$PWD/target/release PORT=${PORT:-6910}
for tool in valgrind callgrind_control objdump "$PROGRAMS/ChatServer" "$PROGRAMS/chatbench"; do
    command -v "$tool" > /dev/null || { echo "$tool is missing" >&2 && exit 1; }
done
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"

valgrind --tool=callgrind --dump-instr=yes --separate-threads=yes --callgrind-out-file=profile \
    "$PROGRAMS/ChatServer" 127.0.0.1 "$PORT" --threads 2 --password-kib 8 > server.log 2>&1 &
server=$!
until (exec 3<> "/dev/tcp/127.0.0.1/$PORT") 2> /dev/null; do
    kill -0 "$server" 2> /dev/null || { cat server.log >&2 && exit 1; }
    sleep 0.2
done

"$PROGRAMS/chatbench" pairs --server "127.0.0.1:$PORT" --pairs 20 --registrations 2 --seconds 8 "$@" > report 2> progress &
load=$!
# Between two lines of progress messages alone are counted, no start and no login.
reached() {
    until grep -q "^ *$1 s: .*messages/s" progress; do
        kill -0 "$load" 2> /dev/null || { cat progress >&2 && exit 1; }
        sleep 0.02
    done
}
reached 2.0 && callgrind_control -z "$server" > /dev/null 2>&1
reached 6.0 && callgrind_control -d "$server" > /dev/null 2>&1
wait "$load"
messages=$(sed -n 's/,//g; s/^ *\([0-9]*\).0 s: \([0-9]*\) messages.*/\1 \2/p' progress |
    awk '$1 > 2 && $1 <= 6 { sum += $2 } END { print sum }')
echo "$messages messages in 4 s"

objdump -d --no-show-raw-insn "$PROGRAMS/ChatServer" |
    awk '$2 == "lock" || ($2 == "xchg" && /\(/) { sub(":", "", $1); print $1 }' > locked
for profile in profile.1-*; do
    awk -v messages="$messages" '
        function number(hex,  at, sum) {
            for (at = 1; at <= length(hex); at++) sum = sum * 16 + index("0123456789abcdef", substr(hex, at, 1)) - 1
            return sum
        }
        # Names are written out once and then called by their number.
        function name(kind, text,  id) {
            id = kind substr(text, 1, index(text, ")"))
            if (index(text, " ")) names[id] = substr(text, index(text, " ") + 1)
            return names[id]
        }
        NR == FNR { locked[number($1)] = 1; next }
        /^ob=/ { object = name("ob", substr($0, 4)); next }
        /^fn=/ { caller = name("fn", substr($0, 4)); next }
        /^cob=/ { name("ob", substr($0, 5)); next }
        /^cfn=/ { name("fn", substr($0, 5)); next }
        # The next line is what the called one did, which has lines of its own.
        /^calls=/ { called = 1; next }
        /^(0x|[+*-])/ && NF == 3 {
            if ($1 ~ /^0x/) address = number(substr($1, 3)); else if ($1 != "*") address += $1
            if (called) { called = 0; next }
            all += $3
            if (object ~ /ChatServer$/ && address in locked) times[caller] += $3
        }
        END {
            # A thread of the store or the main one does nothing for a message.
            if (all / messages < 100) exit
            printf "%8.0f instructions of a loop for a message\n", all / messages
            for (it in times) if (times[it] / messages >= 0.001) printf "%8.3f %s\n", times[it] / messages, it
        }' locked "$profile" | sort -rn
done
