#!/usr/bin/env bash
# The image where there is neither a Docker engine nor an image registry: as root on Debian, with its packages buildah,
# podman, runc and mmdebstrap. Elsewhere none of this is needed: docker build -t mqcanary .
#
#   deploy/image.sh base                   a stand-in for python:3.13-slim: Debian's packages, and an installed CPython
#   deploy/image.sh build [TAG]            the image of the Dockerfile, on the base made before, or on $BASE
#   deploy/image.sh run [OPTION...] IMAGE [ARG...]     as podman run: read-only, no capabilities, 160 MB
#   deploy/image.sh podman ARG...          ps, logs, stop, healthcheck run, ...
#
# PYTHON names the interpreter of the base [python3.13]. Images are kept apart from other ones, in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."

# podman notes in its store where that lies: a checkout that was moved gets one of its own.
HERE=$(cksum <<< "${MQCANARY_CACHE:-$PWD/.cache}" | cut -d' ' -f1)
STORE=${MQCANARY_CACHE:-$PWD/.cache}/containers-$HERE
# Not below it: podman allows 50 characters.
RUN=/run/mqcanary-$HERE
TAG=localhost/mqcanary:dev
STAND_IN=localhost/mqcanary-base
# What CPython's own modules are linked with, by the names of Debian 12, and what python:slim has beside it.
PACKAGES=libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libexpat1,libuuid1
PACKAGES+=,netbase,tzdata,ca-certificates

main() {
    local command=${1:-}
    shift || true
    case $command in
        base | build | run | podman) need && "$command" "$@" ;;
        *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' deploy/image.sh >&2 && exit 2 ;;
    esac
}

need() {
    local missing=()
    for tool in buildah podman runc mmdebstrap; do
        command -v "$tool" > /dev/null || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) || fail "apt-get install ${missing[*]}"
    ((EUID == 0)) || fail "run it as root: there are no user namespaces to do without"
}

fail() {
    echo "deploy/image.sh: $*" >&2
    exit 1
}

podman() {
    # crun, the default, fails under hybrid cgroups. Nothing here may need systemd: cgroups, events, nor a timer of health
    # checks; `healthcheck run` asks when it is wanted.
    DISABLE_HC_SYSTEMD=true command podman --root "$STORE" --runroot "$RUN" --storage-driver overlay \
        --runtime runc --cgroup-manager cgroupfs --events-backend file "$@"
}

base() {
    local python=${PYTHON:-python3.13} prefix version sources
    # PYENV_VERSION is for a shim of pyenv, which else may know of no 3.13; nobody else reads it.
    prefix=$(PYENV_VERSION=${PYENV_VERSION:-3.13} "$python" -c 'import sys; print(sys.base_prefix)') ||
        fail "no $python to make a base of: PYTHON=/path/to/python3.13 deploy/image.sh base"
    version=$(PYENV_VERSION=${PYENV_VERSION:-3.13} "$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT  # so `root` is not local
    # The packages come from where this machine has its own.
    mapfile -t sources < <(find /etc/apt -maxdepth 2 -name '*.list' -o -maxdepth 2 -name '*.sources')
    mmdebstrap --quiet --variant=minbase --include="$PACKAGES" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" \
        "${sources[@]}"
    install -d "$root/usr/local/bin" "$root/usr/local/lib/python$version/site-packages"
    cp "$prefix/bin/python$version" "$root/usr/local/bin/"
    cp -P "$prefix"/lib/libpython3*.so* "$root/usr/local/lib/"
    tar -C "$prefix/lib" --exclude-from=- -c "python$version" << EXCLUDED | tar -C "$root/usr/local/lib" -x
python$version/site-packages
python$version/test
python$version/idlelib
python$version/turtledemo
python$version/tkinter
python$version/config-*
_tkinter.*
__pycache__
*.a
EXCLUDED
    ln -s "python$version" "$root/usr/local/bin/python3"
    ln -s python3 "$root/usr/local/bin/python"
    chroot "$root" ldconfig
    chroot "$root" python -m ensurepip > /dev/null
    ln -s pip3 "$root/usr/local/bin/pip"
    tar -C "$root" -c . |
        podman import --quiet --change "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" - "$STAND_IN"
}

build() {
    # --format docker: that of OCI has no HEALTHCHECK and drops it without a word.
    # This machine's certificates: the package index may be behind a proxy with a CA of its own. They stay outside the image.
    buildah --root "$STORE" --runroot "$RUN" --storage-driver overlay bud --format docker --layers --force-rm \
        --pull-never --isolation chroot --volume /etc/ssl/certs:/etc/ssl/certs:ro \
        --build-arg BASE="${BASE:-$STAND_IN}" --tag "${1:-$TAG}" .
}

run() {
    # The limits of files and processes are those that we have: more can't be set from in here, and podman would ask for it.
    podman run --pull never --network "${NETWORK:-host}" --read-only --read-only-tmpfs=false --cap-drop ALL \
        --security-opt no-new-privileges --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit nproc=4096:4096 \
        --memory 160m --pids-limit 64 "$@"
}

main "$@"
