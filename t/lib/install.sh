# Sourced by ../../demo and ../../check: installs packages that are missing, and nothing else.
#
# install_packages PACKAGE ...: asks apt only for those that are not there; as root, or by sudo for apt alone. No service is started,
# enabled or reconfigured by it: a policy-rc.d forbids starting for the length of the call, and units that the packages would
# enable stay disabled (a preset for the same time).

missing_packages() {
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "To install what is missing I need root: run this as root, or install sudo." >&2
        return 1
    fi
}

# Runs as root: $@ are the packages. What it changes for the length of the call is put back however it ends; after a kill -9 or a
# power cut the next call knows its own policy by the mark, and the preset is gone with /run.
apt_quietly='
set -e
exec 9>/run/cpush-install.lock
flock 9
policy=/usr/sbin/policy-rc.d
kept=$policy.cpush-kept
preset=/run/systemd/system-preset/00-cpush-build.preset
mark="# for the length of an installation by cpush"
cleanup() {
    rm -f "$preset" "$policy"
    if [ -e "$kept" ]; then mv -f "$kept" "$policy"; fi
}
trap cleanup EXIT
trap "exit 129" HUP
trap "exit 130" INT
trap "exit 143" TERM
if [ -e "$policy" ] && ! grep -qxF "$mark" "$policy"; then mv "$policy" "$kept"; fi
printf "#!/bin/sh\n%s\nexit 101\n" "$mark" >"$policy"
chmod 755 "$policy"
mkdir -p "${preset%/*}"
echo "disable *" >"$preset"
# needrestart would restart services that use an upgraded library.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
apt-get update -qq </dev/null || echo "The lists of packages could not all be fetched; going on with what is there." >&2
apt-get install -y -qq --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >/dev/null
'

install_packages() {
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    echo "Installing: $missing"
    # shellcheck disable=SC2086
    as_root sh -c "$apt_quietly" sh $missing
}

PACKAGES_BUILD="build-essential cmake ninja-build pkg-config libfcgi-dev libcurl4-openssl-dev libexpat1-dev
libgmime-3.0-dev libxml2-dev libssl-dev libmariadb-dev libsqlite3-dev libcrypt-dev"
PACKAGES_RUN="nginx spawn-fcgi openssl python3 tzdata"
PACKAGES_TEST="libcmocka-dev clang libclang-rt-dev libwbxml2-utils dovecot-imapd radicale xandikos mariadb-server sqlite3 gawk"
