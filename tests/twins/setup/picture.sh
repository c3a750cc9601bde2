# What the files do not tell of a host: one fact a line. Units that come and go are left out.
say() { sed "s/^/$1: /"; }
dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' | say package
apt-mark showmanual | say 'installed by hand'
apt-mark showhold | say held
systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | grep -v ^session- | say 'unit file'
systemctl list-units --all --plain --no-legend --no-pager --type service,timer,socket,target |
    awk '$2 != "not-found" { print $1, $2, $3, $4 }' |
    grep -Ev '^(user@|user-runtime-dir@|session|run-|systemd-hostnamed)' | say unit
if [ -S /run/user/0/systemd/private ]; then
    XDG_RUNTIME_DIR=/run/user/0 systemctl --user list-units --all --plain --no-legend --no-pager --type service |
        awk '$3 != "inactive" { print $1, $2, $3, $4 }' | say 'unit of root'
fi
hostname | say 'host name'
if command -v ufw >/dev/null; then ufw status verbose | say firewall; fi
sysctl -n net.ipv4.ip_forward net.ipv4.tcp_syncookies net.ipv4.conf.all.rp_filter | say kernel
