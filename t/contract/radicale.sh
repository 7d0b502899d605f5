#!/bin/sh
# The contract suite on the modules `caldav` and `carddav`, with a Radicale of its own: radicale.sh caldav|carddav [SWITCH ...]
#
# Variables of t/lib/radicale.sh (RADICALE_MIXED) are passed on. Ends with 77 where there is no Radicale.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${CPUSH_BUILD:?}
module=$1
shift
command -v radicale >/dev/null || exit 77
dir=$(mktemp -d "${TMPDIR:-/tmp}/cpush-radicale.XXXXXX")
clean() {
	status=$?
	"$here/../lib/radicale.sh" stop "$dir/server" || :
	[ "$status" = 0 ] || tail -n 20 "$dir/server/log" >&2 || :
	rm -rf "$dir"
	exit "$status"
}
trap clean EXIT
trap 'exit 130' INT TERM

"$here/../lib/radicale.sh" start "$dir/server" >"$dir/variables"
. "$dir/variables"
cat >"$dir/cpush.conf" <<CONF
[server]
backends = $module
module_dir = $build/lib
[$module]
url = $RADICALE_URL
poll = 5
answer = 120
CONF
"$build/bin/contract" -c "$dir/cpush.conf" -m "$module" -u alice -p secret --vouches "$@"
