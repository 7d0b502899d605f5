#!/bin/sh
# A private Xandikos for tests: xandikos.sh start DIR | stop DIR
#
# start prints shell variables: XANDIKOS_URL (http://127.0.0.1:PORT/, from where alice's homes are discovered),
# XANDIKOS_CALENDARS and XANDIKOS_CONTACTS (homes of any user: with %u in them), XANDIKOS_PORT, XANDIKOS_LOG, XANDIKOS_DATA.
# Users alice, bob and carol, each with a calendar "calendar" and an address book "addressbook". It has no passwords: any is
# taken. Everything lives under DIR.
set -eu

fail() {
	echo "xandikos.sh: $*" >&2
	exit 1
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() {
	python3 - "$1" <<'PY'
import socket, sys
sys.exit(socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1]))) != 0)
PY
}

# run DIR PORT USER: as if this user were logged in, whose collections are made if there are none.
run() {
	setsid /usr/bin/xandikos -d "$1/data" -l 127.0.0.1 -p "$2" --current-user-principal "/$3/" --defaults \
		>>"$1/log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$1/pid"
	for _ in $(seq 300); do
		kill -0 "$pid" 2>/dev/null || return 1
		! listens "$2" || return 0
		sleep 0.1
	done
	return 1
}

stop() {
	[ -f "$1/pid" ] || return 0
	pid=$(cat "$1/pid")
	kill "$pid" 2>/dev/null || true
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$pid" 2>/dev/null || true
	rm -f "$1/pid"
}

run_somewhere() {
	for _ in 1 2 3; do
		port=$(free_port)
		! run "$1" "$port" "$2" || return 0
	done
	cat "$1/log" >&2
	fail "xandikos does not start"
}

start() {
	command -v xandikos >/dev/null || fail "xandikos is not installed"
	mkdir -p "$1/data"
	dir=$(cd "$1" && pwd)
	for user in carol bob alice; do
		stop "$dir"
		run_somewhere "$dir" "$user"
	done
	echo "XANDIKOS_URL=http://127.0.0.1:$port/"
	echo "XANDIKOS_CALENDARS=http://127.0.0.1:$port/%u/calendars/"
	echo "XANDIKOS_CONTACTS=http://127.0.0.1:$port/%u/contacts/"
	echo "XANDIKOS_PORT=$port"
	echo "XANDIKOS_LOG='$dir/log'"
	echo "XANDIKOS_DATA='$dir/data'"
}

case ${1-} in
start | stop) [ $# = 2 ] || fail "usage: xandikos.sh start|stop DIR"; "$1" "$2" ;;
*) fail "usage: xandikos.sh start|stop DIR" ;;
esac
