# shellcheck shell=bash
# Runs in namespaces of its own (see ../target): a throwaway copy of the base system, and inside.sh in it.
set -eu
work=$1 base=$2 source=$3 out=$4 bind=$5 net=$6 box=$7
mount --make-rprivate /
[ "$net" = none ] && ip link set lo up
hostname testbox 2>/dev/null || true
mkdir -p "$work/o"
mount -t tmpfs -o size=6g,mode=755 tmpfs "$work/o"
mkdir "$work/o/u" "$work/o/w" "$work/o/m"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/o/u,workdir=$work/o/w" "$work/o/m"
root=$work/o/m
mkdir -p "$root/conf/src" "$root/conf/out" "$root/conf/w"
cp "$work/settings" "$work/inside.sh" "$root/conf/w/"
if [ "$net" = host ]; then cp -L /etc/resolv.conf "$root/etc/resolv.conf"; fi
clean=(env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash TERM=dumb LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
IFS=: read -ra shown <<<"$bind"

if [ "$box" = nspawn ]; then
    options=("--bind-ro=$source:/conf/src" "--bind=$out:/conf/out")
    for path in "${shown[@]}"; do [ -e "$path" ] && options+=("--bind-ro=$path"); done
    [ "$net" = none ] && options+=(--private-network)
    systemd-nspawn -q -D "$root" --register=no --keep-unit --resolv-conf=off -M "conf-${work##*.}" --capability=all \
        "${options[@]}" -b >/dev/null 2>&1 &
    nspawn=$!
    leader=
    for _ in $(seq 1 60); do
        leader=$(pgrep -P $nspawn | head -1)
        if [ -n "$leader" ] && nsenter -t "$leader" -m -p -u -i -n systemctl is-active -q multi-user.target 2>/dev/null; then break; fi
        sleep 1
    done
    [ -n "$leader" ] || { echo 'systemd-nspawn did not start'; exit 98; }
    set +e
    nsenter -t "$leader" -m -p -u -i -n -C -- "${clean[@]}" /bin/bash /conf/w/inside.sh
    code=$?
    kill -KILL "$leader" $nspawn 2>/dev/null
    exit $code
fi

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${stream%:*}" "$root/dev/${stream#*:}"; done
mount --bind "$source" "$root/conf/src"
mount -o remount,bind,ro "$root/conf/src"
mount --bind "$out" "$root/conf/out"
for path in "${shown[@]}"; do
    [ -e "$path" ] || continue
    if [ -d "$path" ]; then
        mkdir -p "$root/$path"
    else
        mkdir -p "$(dirname "$root/$path")"
        : >"$root/$path"
    fi
    mount --bind "$path" "$root/$path"
    mount -o remount,bind,ro "$root/$path"
done
exec "${clean[@]}" chroot "$root" /bin/bash /conf/w/inside.sh
