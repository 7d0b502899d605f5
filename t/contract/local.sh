#!/bin/sh
# The contract suite on the module `local`, in a directory of its own.
set -eu
build=${CPUSH_BUILD:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM

printf 'alice:%s\nbob:{CRYPT}%s:::Bob Builder::\n' "$(openssl passwd -6 secret)" "$(openssl passwd -6 other)" > "$dir/passwd"
cat > "$dir/cpush.conf" <<END
[server]
backends = local
module_dir = $build/lib
domain = example.org
[local]
path = $dir/%u
passwd_file = $dir/passwd
deliver_local = yes
END
"$build/bin/contract" -c "$dir/cpush.conf" -m local -u alice -p secret --exact --vouches --knows-keys \
	--send-to alice@example.org --send-bad nobody@example.org "$@"
