# shellcheck shell=bash
# Shared by the programs of this folder: the reference's version, and where everything is kept that is made or downloaded.

# The same as in tests/oracle.
CORE=2.19.14
# Raise it when what is done to the base system changes: older ones are then made anew.
RECIPE=1
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'conformance: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 2
}

# $WINDLASS_CONFORMANCE_CACHE, else /var/cache/windlass-conformance (shared by all checkouts), else target/conformance.
cache_folder() {
    local dir=${WINDLASS_CONFORMANCE_CACHE:-/var/cache/windlass-conformance}
    # The base system holds set-uid programs that nobody keeps up to date: only root may reach it.
    if mkdir -p "$dir" 2>/dev/null && chmod 700 "$dir" 2>/dev/null; then
        echo "$dir"
        return
    fi
    dir=$(cd "$HERE/../.." && pwd)/target/conformance
    mkdir -p "$dir" && chmod 700 "$dir" && echo "$dir"
}

CACHE=$(cache_folder) || die "there is no folder to keep things in; WINDLASS_CONFORMANCE_CACHE names one"
# shellcheck disable=SC2034 # for those that read this
SOURCE=$CACHE/ansible_core-$CORE
# shellcheck disable=SC2034
BASE=$CACHE/base-$CORE-$RECIPE
