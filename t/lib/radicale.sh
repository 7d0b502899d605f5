#!/bin/sh
# A private Radicale for tests: radicale.sh start DIR | stop DIR | again DIR
#
# again: on the same port, with what it held when it was stopped. Collections called "readonly" can be read only.
# start prints shell variables: RADICALE_URL (http://127.0.0.1:PORT/), RADICALE_PORT, RADICALE_LOG, RADICALE_DATA.
# Users alice, bob and carol, password "secret"; each has an address book "contacts", a calendar "calendar" and a task list
# "tasks". Everything lives under DIR. Environment: RADICALE_MIXED=yes makes "calendar" hold tasks too;
# RADICALE_LEVEL (warning) is how much is logged.
set -eu

fail() {
	echo "radicale.sh: $*" >&2
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

collection() {
	mkdir -p "$1"
	printf '%s\n' "$2" >"$1/.Radicale.props"
}

write_data() {
	components=VEVENT
	[ "${RADICALE_MIXED:-no}" != yes ] || components=VEVENT,VTODO
	for user in alice bob carol; do
		home=$1/data/collection-root/$user
		collection "$home/contacts" '{"tag": "VADDRESSBOOK", "D:displayname": "Contacts"}'
		collection "$home/calendar" "{\"tag\": \"VCALENDAR\", \"D:displayname\": \"Calendar\",
			\"C:supported-calendar-component-set\": \"$components\"}"
		collection "$home/tasks" '{"tag": "VCALENDAR", "D:displayname": "Tasks",
			"C:supported-calendar-component-set": "VTODO"}'
	done
}

write_config() {
	printf '%s:secret\n' alice bob carol >"$1/users"
	cat >"$1/rights" <<'RIGHTS'
[root]
user: .+
collection:
permissions: R
[home]
user: .+
collection: {user}
permissions: RW
[readonly]
user: .+
collection: {user}/readonly
permissions: r
[owner]
user: .+
collection: {user}/[^/]+
permissions: rw
RIGHTS
	cat >"$1/config" <<CONFIG
[server]
hosts = 127.0.0.1:$2
max_connections = 64
[auth]
type = htpasswd
htpasswd_filename = $1/users
htpasswd_encryption = plain
delay = 0
[rights]
type = from_file
file = $1/rights
[storage]
filesystem_folder = $1/data
[web]
type = none
[logging]
level = ${RADICALE_LEVEL:-warning}
CONFIG
}

# Starts it on this port; fails where it ends at once, as with a port that someone else took meanwhile.
run() {
	setsid /usr/bin/radicale -C "$1/config" >>"$1/log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$1/pid"
	for _ in $(seq 300); do
		kill -0 "$pid" 2>/dev/null || return 1
		! listens "$2" || return 0
		sleep 0.1
	done
	return 1
}

start() {
	command -v radicale >/dev/null || fail "radicale is not installed"
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	write_data "$dir"
	for _ in 1 2 3; do
		port=$(free_port)
		write_config "$dir" "$port"
		if run "$dir" "$port"; then
			echo "RADICALE_URL=http://127.0.0.1:$port/"
			echo "RADICALE_PORT=$port"
			echo "RADICALE_LOG='$dir/log'"
			echo "RADICALE_DATA='$dir/data'"
			return
		fi
	done
	cat "$dir/log" >&2
	fail "radicale does not start"
}

stop() {
	[ -f "$1/pid" ] || return 0
	pid=$(cat "$1/pid")
	kill "$pid" 2>/dev/null || true
	for _ in $(seq 20); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$pid" 2>/dev/null || true
	rm -f "$1/pid"
}

again() {
	run "$1" "$(sed -n 's/^hosts = .*://p' "$1/config")" || fail "radicale does not start: $(cat "$1/log")"
}

case ${1-} in
start | stop | again) [ $# = 2 ] || fail "usage: radicale.sh start|stop|again DIR"; "$1" "$2" ;;
*) fail "usage: radicale.sh start|stop|again DIR" ;;
esac
