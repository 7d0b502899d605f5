#!/bin/sh
# A private MariaDB for tests: mariadb.sh start DIR | stop DIR | again DIR
#
# again starts one that was stopped or killed with what it holds, and as it was started before.
# start prints shell variables: MARIADB_SOCKET, and MARIADB_PORT where one was asked for. The database cpush and the user cpush are made
# by etc/mariadb.sql, with the password "secret"; root has none, by the socket. Runs as root or not; everything lives under DIR.
# Environment: CPUSH_TEST_MARIADB_SOCKET (a server that runs already: it is prepared and used, and not stopped), MARIADB_TCP=yes (also
# listens on a free port of 127.0.0.1), MARIADB_TLS=yes (and speaks TLS there; MARIADB_CA is the certificate to trust), MARIADB_OPTIONS
# (more options of mariadbd). Port and certificate are found in DIR/port and DIR/ca.pem, too.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

fail() {
	echo "mariadb.sh: $*" >&2
	exit 1
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

admin() {
	mariadb --no-defaults --socket="$1" --user=root --batch
}

# A certificate for 127.0.0.1 that is its own authority.
certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$1/key.pem" -out "$1/ca.pem" 2>"$1/openssl.log" || fail "openssl failed, see $1/openssl.log"
	chmod 644 "$1/key.pem"
}

prepare() {
	admin "$1" <<SQL
$(sed "s/'change me'/'secret'/" "$here/../../etc/mariadb.sql")
SQL
	admin "$1" <<SQL
CREATE USER IF NOT EXISTS 'cpush'@'127.0.0.1' IDENTIFIED BY 'secret';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON cpush.* TO 'cpush'@'127.0.0.1';
SQL
}

is_up() {
	mariadb-admin --no-defaults --socket="$1" --user=root ping >/dev/null 2>&1
}

start() {
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	socket=$dir/mariadb.sock
	if [ -n "${CPUSH_TEST_MARIADB_SOCKET:-}" ]; then
		rm -f "$dir/port" "$dir/ca.pem"
		ln -sfn "$CPUSH_TEST_MARIADB_SOCKET" "$socket"
		prepare "$socket"
		echo "MARIADB_SOCKET=$socket"
		return
	fi
	[ ${#socket} -lt 104 ] || fail "$socket is too long for a socket"
	stop "$dir"
	rm -rf "$dir/data" "$dir/port" "$dir/ca.pem"
	user=$(id -un)
	mariadb-install-db --no-defaults --user="$user" --datadir="$dir/data" --auth-root-authentication-method=normal \
		--skip-test-db >"$dir/install.log" 2>&1 || fail "mariadb-install-db failed, see $dir/install.log"
	network=--skip-networking
	if [ "${MARIADB_TCP:-no}" = yes ]; then
		port=$(free_port)
		network="--bind-address=127.0.0.1 --port=$port"
		echo "$port" >"$dir/port"
	fi
	if [ "${MARIADB_TLS:-no}" = yes ]; then
		certificate "$dir"
		network="$network --ssl-cert=$dir/ca.pem --ssl-key=$dir/key.pem"
	fi
	echo "$network ${MARIADB_OPTIONS:-}" >"$dir/options"
	run "$dir"
	prepare "$socket"
	echo "MARIADB_SOCKET=$socket"
	[ -z "${port:-}" ] || echo "MARIADB_PORT=$port"
	[ ! -f "$dir/ca.pem" ] || echo "MARIADB_CA=$dir/ca.pem"
}

run() {
	dir=$1
	socket=$dir/mariadb.sock
	# shellcheck disable=SC2046
	mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --socket="$socket" --pid-file="$dir/mariadb.pid" \
		--log-error="$dir/mariadb.log" --character-set-server=utf8mb4 --innodb-buffer-pool-size=64M --innodb-log-file-size=32M \
		--innodb-flush-log-at-trx-commit=2 --performance-schema=OFF --max-connections=300 $(cat "$dir/options") \
		</dev/null >/dev/null 2>&1 &
	pid=$!
	echo "$pid" >"$dir/started.pid"
	tries=0
	until is_up "$socket"; do
		kill -0 "$pid" 2>/dev/null || fail "mariadbd has ended, see $dir/mariadb.log"
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || fail "mariadbd does not answer, see $dir/mariadb.log"
		sleep 0.1
	done
}

stop() {
	[ ! -L "$1/mariadb.sock" ] || rm "$1/mariadb.sock"
	[ -f "$1/started.pid" ] || return 0
	pid=$(cat "$1/started.pid")
	# The number may have been given to another process meanwhile.
	case $(cat "/proc/$pid/comm" 2>/dev/null || true) in
	mariadbd | mysqld) kill "$pid" 2>/dev/null || true ;;
	*) pid= ;;
	esac
	tries=0
	while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || kill -9 "$pid" 2>/dev/null || true
		[ "$tries" -lt 400 ] || fail "mariadbd ($pid) does not end"
		sleep 0.1
	done
	rm -f "$1/started.pid" "$1/mariadb.pid" "$1/mariadb.sock"
}

[ $# -eq 2 ] || fail "usage: mariadb.sh start DIR | stop DIR | again DIR"
case $1 in
start) start "$2" ;;
again) run "$(cd "$2" && pwd)" ;;
stop) stop "$2" ;;
*) fail "start, stop or again" ;;
esac
