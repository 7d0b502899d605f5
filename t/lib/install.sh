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

# Runs as root: $@ are the packages.
apt_quietly='
set -e
policy=/usr/sbin/policy-rc.d
preset=/etc/systemd/system-preset/00-cpush-build.preset
kept=
cleanup() {
    rm -f "$preset"
    if [ -n "$kept" ]; then mv -f "$policy.cpush-kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ]; then mv "$policy" "$policy.cpush-kept"; kept=1; fi
trap cleanup EXIT INT TERM
printf "#!/bin/sh\nexit 101\n" >"$policy"
chmod 755 "$policy"
mkdir -p /etc/systemd/system-preset
echo "disable *" >"$preset"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null
'

install_packages() {
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    echo "Installing: $missing"
    # shellcheck disable=SC2086
    as_root sh -c "$apt_quietly" sh $missing
}

PACKAGES_BUILD="build-essential cmake ninja-build pkg-config libfcgi-dev libcurl4-openssl-dev libexpat1-dev libical-dev
libgmime-3.0-dev libxml2-dev libssl-dev libmariadb-dev libsqlite3-dev libcrypt-dev"
PACKAGES_RUN="nginx-light spawn-fcgi openssl python3"
PACKAGES_TEST="libcmocka-dev clang libclang-rt-dev libwbxml2-utils dovecot-imapd radicale xandikos mariadb-server sqlite3 gawk"
