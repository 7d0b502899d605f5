#!/bin/sh
# A private Dovecot for tests: dovecot.sh start DIR | stop DIR | again DIR
#
# again: on the same ports, with what it held when it was stopped.
# start prints shell variables: IMAP_PORT, IMAPS_PORT, IMAP_CA (certificate to trust, for 127.0.0.1), IMAP_LOG, IMAP_MAIL.
# Users alice, bob and carol, password "secret". Runs as root or not; everything lives under DIR.
# Environment: DOVECOT_FORMAT (maildir, sdbox), DOVECOT_SEPARATOR (/), DOVECOT_PREFIX (of the namespace, such as INBOX.),
# DOVECOT_CAPABILITY (replaces the announced capabilities), DOVECOT_SPECIAL=no (no SPECIAL-USE attributes),
# DOVECOT_PROCESSES (connections at once, 500), DOVECOT_MORE (a line of configuration),
# DOVECOT_PROTOCOLS (imap; "imap lmtp" adds DIR/run/lmtp), DOVECOT_LOGINS_MAX (connections per user, 200).
# DIR/users can be edited while it runs (passdb).
# The configuration is that of Dovecot 2.3 or of 2.4, whichever is there.
set -eu

dovecot=$(command -v dovecot || echo /usr/sbin/dovecot)

fail() {
	echo "dovecot.sh: $*" >&2
	exit 1
}

free_ports() {
	python3 - "$1" <<'PY'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
PY
}

mailbox() {
	printf '  mailbox "%s" {\n    auto = %s\n' "$1" "$2"
	[ -z "$3" ] || [ "${DOVECOT_SPECIAL:-yes}" = no ] || printf '    special_use = %s\n' "$3"
	printf '  }\n'
}

# What the two versions call differently. A connection by TLS keeps its login process, of which there may be 100: so one process
# takes many.
write_2_3() {
	cat <<CONF
disable_plaintext_auth = no
ssl_cert = <$dir/cert.pem
ssl_key = <$dir/key.pem
mail_location = $format:$path
service imap-login {
  service_count = 0
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u $dir/users
}
userdb {
  driver = static
  args = uid=$mail_uid gid=$mail_gid home=$dir/mail/%u allow_all_users=yes
}
CONF
}

write_2_4() {
	cat <<CONF
dovecot_config_version = $version
dovecot_storage_version = $version
auth_allow_cleartext = yes
ssl_server_cert_file = $dir/cert.pem
ssl_server_key_file = $dir/key.pem
mail_driver = $format
mail_path = $path
service imap-login {
  restart_request_count = unlimited
}
passdb passwd-file {
  passwd_file_path = $dir/users
}
userdb static {
  allow_all_users = yes
  fields {
    uid = $mail_uid
    gid = $mail_gid
    home = $dir/mail/%{user}
  }
}
CONF
}

write_config() {
	dir=$1
	if [ "$(id -u)" = 0 ]; then
		login=dovenull internal=dovecot group=dovecot
		mail_uid=$(id -u nobody) mail_gid=$(id -g nobody)
	else
		login=$(id -un) internal=$(id -un) group=$(id -gn)
		mail_uid=$(id -u) mail_gid=$(id -g)
	fi
	format=${DOVECOT_FORMAT:-maildir}
	case $format in
	maildir) path="~/Maildir" ;;
	sdbox) path="~/sdbox" ;;
	*) fail "DOVECOT_FORMAT is maildir or sdbox" ;;
	esac
	version=$("$dovecot" --version)
	version=${version%%[- ]*}
	case $version in
	2.3.*) write_2_3 ;;
	*) write_2_4 ;;
	esac
	cat <<CONF
base_dir = $dir/run
state_dir = $dir/state
log_path = $dir/dovecot.log
protocols = ${DOVECOT_PROTOCOLS:-imap}
listen = 127.0.0.1
default_login_user = $login
default_internal_user = $internal
default_internal_group = $group
first_valid_uid = 1
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = yes
mail_max_userip_connections = ${DOVECOT_LOGINS_MAX:-200}
mail_fsync = never
mailbox_list_index = yes
imap_idle_notify_interval = 2 mins
${DOVECOT_MORE:-}
${DOVECOT_CAPABILITY:+imap_capability = $DOVECOT_CAPABILITY}
service imap-login {
  chroot =
  inet_listener imap {
    port = $2
  }
  inet_listener imaps {
    port = $3
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap {
  process_limit = ${DOVECOT_PROCESSES:-500}
  vsz_limit = 512M
}
namespace inbox {
  inbox = yes
  separator = ${DOVECOT_SEPARATOR:-/}
  prefix = ${DOVECOT_PREFIX:-}
CONF
	mailbox Drafts subscribe '\Drafts'
	mailbox Sent subscribe '\Sent'
	mailbox Trash subscribe '\Trash'
	mailbox Junk subscribe '\Junk'
	mailbox Archive create '\Archive'
	mailbox "Entwürfe & Pläne" create ''
	echo '}'
	chown "$mail_uid:$mail_gid" "$dir/mail"
}

start() {
	mkdir -p "$1/run" "$1/state" "$1/mail"
	dir=$(cd "$1" && pwd)
	chmod 755 "$dir" "$dir/mail"
	set -- $(free_ports 2)
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
		-keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
	for user in alice bob carol; do
		echo "$user:{PLAIN}secret"
	done >"$dir/users"
	chmod 644 "$dir/users"
	write_config "$dir" "$1" "$2" >"$dir/dovecot.conf"
	"$dovecot" -c "$dir/dovecot.conf" 2>"$dir/start.log" || fail "does not start: $(cat "$dir/start.log")"
	printf 'IMAP_PORT=%s\nIMAPS_PORT=%s\nIMAP_CA=%s\nIMAP_LOG=%s\nIMAP_MAIL=%s\n' "$1" "$2" "$dir/cert.pem" \
		"$dir/dovecot.log" "$dir/mail"
}

stop() {
	pid=$(cat "$1/run/master.pid" 2>/dev/null) || exit 0
	kill "$pid" 2>/dev/null || exit 0
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
	done
}

again() {
	"$dovecot" -c "$1/dovecot.conf" 2>"$1/start.log" || fail "does not start: $(cat "$1/start.log")"
}

[ $# -eq 2 ] || fail "usage: dovecot.sh start|stop|again DIR"
case $1 in
start) start "$2" ;;
stop) stop "$2" ;;
again) again "$2" ;;
*) fail "usage: dovecot.sh start|stop|again DIR" ;;
esac
