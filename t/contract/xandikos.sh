#!/bin/sh
# The contract suite on the modules `caldav` and `carddav`, with a Xandikos of its own: xandikos.sh caldav|carddav [SWITCH ...]
#
# It takes any password. Ends with 77 where there is no Xandikos.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${CPUSH_BUILD:?}
module=$1
shift
command -v xandikos >/dev/null || exit 77
dir=$(mktemp -d "${TMPDIR:-/tmp}/cpush-xandikos.XXXXXX")
clean() {
	status=$?
	"$here/../lib/xandikos.sh" stop "$dir/server" || :
	[ "$status" = 0 ] || tail -n 20 "$dir/server/log" >&2 || :
	rm -rf "$dir"
	exit "$status"
}
trap clean EXIT
trap 'exit 130' INT TERM

"$here/../lib/xandikos.sh" start "$dir/server" >"$dir/variables"
. "$dir/variables"
cat >"$dir/cpush.conf" <<CONF
[server]
backends = $module
module_dir = $build/lib
[$module]
url = $XANDIKOS_URL
poll = 5
answer = 120
CONF
"$build/bin/contract" -c "$dir/cpush.conf" -m "$module" -u alice -p secret --no-auth --vouches "$@"
