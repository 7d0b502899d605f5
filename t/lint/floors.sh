#!/bin/sh
# Who includes whom: a file may use its own floor and those below it, and of another directory only its door.
#
#   floors.sh ROOT          checks the tree at ROOT; prints FILE:LINE: what is wrong, and fails if anything is
#   floors.sh --self-test   shows on made-up trees that it finds what it should and nothing else
set -eu

check() {
	(
		cd "$1"
		# etc/ and t/ stand beside the floors and may use what they need.
		find base wbxml state backend eas fcgi -name '*.[ch]' -o -name '*.def' 2>/dev/null | LC_ALL=C sort | xargs awk '
		# The directory is the room: base, wbxml, backend, backend/imap ...
		function room_of(path) {
			sub("/[^/]*$", "", path)
			return path
		}
		# Rooms whose doors a file of the room may use.
		function may_use(room, target) {
			if (target == "base")
				return 1
			if (room ~ "^backend/")
				return target == "backend" || (room ~ "^backend/(caldav|carddav)$" && target == "backend/dav") ||
					(room ~ "^backend/(imap|dav)$" && target == "backend/tls")
			if (room == "eas")
				return target ~ "^(wbxml|state|backend)$"
			if (room == "fcgi")
				return target ~ "^(wbxml|state|backend|eas)$"
			return 0
		}
		# The headers of a room that others may include; the accounts of the core are not for modules.
		function is_door(room, header) {
			if (header == "backend/account.h")
				return room !~ "^backend/"
			return header ~ "^base/[^/]*[.]h$" || header == "wbxml/wbxml.h" || header == "state/state.h" ||
				header == "backend/backend.h" || header == "backend/dav/dav.h" || header == "backend/tls/tls.h" ||
				header == "eas/eas.h"
		}
		function complain(what) {
			printf "%s:%d: %s\n", FILENAME, FNR, what
			bad = 1
		}
		match($0, "^[ \t]*#[ \t]*include[ \t]*[\"<][^\">]*[\">]") {
			header = substr($0, RSTART, RLENGTH)
			sub("^[^\"<]*[\"<]", "", header)
			sub("[\">]$", "", header)
			room = room_of(FILENAME)
			if (header ~ "(^|/)[.][.]?/")
				complain("includes " header ": name it from the root of the project")
			if (header !~ "^(base|wbxml|state|backend|eas|fcgi|t)/")
				next
			target = room_of(header)
			if (target == room)
				next
			if (!may_use(room, target))
				complain(room " may not use " target " (" header ")")
			else if (!is_door(room, header))
				complain(header " is private to " target)
		}
		END { exit bad }
		'
	)
}

fail() {
	echo "self-test: $1" >&2
	exit 1
}

# put FILE HEADER...: a file that includes the headers
put() {
	file=$tree/$1
	shift
	mkdir -p "${file%/*}"
	: >"$file"
	for header; do
		printf '#include "%s"\n' "$header" >>"$file"
	done
}

# finds FILE HEADER: the check must fail, and name the file, where FILE includes HEADER as its second line
finds() {
	put "$1" base/arena.h "$2"
	if check "$tree" >"$tree/found"; then
		fail "$1 includes $2 and nothing was found"
	fi
	grep -q "^$1:2: " "$tree/found" || fail "$1 includes $2 and this was found: $(cat "$tree/found")"
	test "$(wc -l <"$tree/found")" -eq 1 || fail "$1: more was found than is wrong: $(cat "$tree/found")"
	rm "$tree/$1"
}

self_test() {
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	put base/arena.c base/arena.h stdio.h
	put wbxml/reader.c wbxml/scan.h wbxml/wbxml.h wbxml/codepages.def base/buf.h
	put state/store.c state/state.h state/db.h base/log.h sqlite3.h
	put backend/account.c backend/account.h backend/backend.h backend/pool.h base/text.h
	put backend/imap/conn.c backend/imap/conn.h backend/backend.h base/buf.h curl/curl.h
	put backend/caldav/caldav.c backend/dav/dav.h backend/backend.h
	put eas/cmd_sync.c eas/eas.h eas/item.h wbxml/wbxml.h state/state.h backend/account.h backend/backend.h
	put fcgi/main.c fcgi/hub.h eas/eas.h backend/account.h state/state.h base/conf.h
	check "$tree" >"$tree/found" || fail "a good tree was refused: $(cat "$tree/found")"

	finds base/text2.c wbxml/wbxml.h
	finds base/text2.h eas/eas.h
	finds wbxml/other.c state/state.h
	finds state/other.c backend/backend.h
	finds state/other.c wbxml/wbxml.h
	finds backend/other.c state/state.h
	finds backend/other.c backend/imap/conn.h
	finds backend/imap/other.c backend/account.h
	finds backend/imap/other.c backend/dav/dav.h
	finds backend/local/other.c backend/tls/tls.h
	finds backend/imap/other.c wbxml/wbxml.h
	finds backend/local/other.c backend/imap/conn.h
	finds backend/caldav/other.c backend/dav/http.h
	finds eas/other.c fcgi/hub.h
	finds eas/other.c wbxml/scan.h
	finds eas/other.c backend/imap/conn.h
	finds eas/other.c state/db.h
	finds fcgi/other.c eas/item.h
	finds fcgi/other.c backend/pool.h
	finds eas/other.c ../state/state.h
	check "$tree" >"$tree/found" || fail "left behind: $(cat "$tree/found")"
}

case ${1:-} in
--self-test) self_test ;;
?*) check "$1" ;;
*)
	echo "usage: $0 ROOT | --self-test" >&2
	exit 2
	;;
esac
