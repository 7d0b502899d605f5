#!/bin/sh
# Runs a program against a Dovecot of its own: dovecot.sh PROGRAM [ARG ...]
#
# The program finds IMAP_PORT, IMAPS_PORT, IMAP_CA, SMTP_PORT, SMTP_DIR and CPUSH_CONF in its environment. CPUSH_CONF has
# [server], [state] (none is used) and [imap] for user alice, bob or carol, password "secret". Variables of t/lib/dovecot.sh
# (DOVECOT_FORMAT and so on) are passed on. In arguments, @CONF@ stands for the path of the configuration.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/cpush-dovecot.XXXXXX")
sink=
clean() {
	status=$?
	[ -z "$sink" ] || kill "$sink" 2>/dev/null || :
	"$here/../lib/dovecot.sh" stop "$dir/dovecot" || :
	[ "$status" = 0 ] || [ "$status" = 77 ] || tail -n 20 "$dir/dovecot/dovecot.log" >&2 || :
	rm -rf "$dir"
	exit "$status"
}
trap clean EXIT
trap 'exit 130' INT TERM

command -v dovecot >/dev/null || [ -x /usr/sbin/dovecot ] || exit 77
chmod 755 "$dir"
"$here/../lib/dovecot.sh" start "$dir/dovecot" >"$dir/ports"
port=$(sed -n 's/^IMAP_PORT=//p' "$dir/ports")
python3 "$here/../lib/smtpsink.py" "$dir/mails" --user alice --password secret --deliver-port "$port" >"$dir/smtp" &
sink=$!
while [ ! -s "$dir/smtp" ]; do
	kill -0 "$sink"
	sleep 0.05
done
set -a
. "$dir/ports"
. "$dir/smtp"
SMTP_DIR=$dir/mails
CPUSH_CONF=$dir/cpush.conf
set +a
cat >"$CPUSH_CONF" <<CONF
[server]
backends = imap
auth = imap
module_dir = ${CPUSH_BUILD:-.}/lib
[imap]
url = imap://127.0.0.1:$IMAP_PORT/
smtp = smtp://127.0.0.1:$SMTP_PORT/
domain = example.org
poll = 5
CONF
for arg; do
	shift
	[ "$arg" != @CONF@ ] || arg=$CPUSH_CONF
	set -- "$@" "$arg"
done
"$@"
