# Facts of the host's own, of every kind.
mkdir -p /etc/ansible/facts.d /etc/own-facts
for folder in /etc/ansible/facts.d /etc/own-facts; do
    echo '{"list": [1, 2.5, null, true], "text": "ü"}' >"$folder/data.fact"
    printf '[Section]\nKey = Value\nother: 1\n\n[empty]\n' >"$folder/settings.fact"
    printf '#!/bin/sh\necho "{\\"from\\": \\"a program\\"}"\n' >"$folder/program.fact"
    printf '#!/bin/sh\necho oh no >&2; exit 3\n' >"$folder/failing.fact"
    printf 'neither\n' >"$folder/wrong.fact"
    chmod 755 "$folder/program.fact" "$folder/failing.fact"
done
ip link add dummy0 type bridge
ip addr add 192.0.2.10/24 dev dummy0
ip addr add 192.0.2.11/24 dev dummy0 label dummy0:1
ip link set dummy0 address 02:00:00:00:00:01 up
ip link add br0 type bridge
ip link set br0 address 02:00:00:00:00:02 up
ip -6 addr add 2001:db8::10/64 dev br0 nodad 2>/dev/null || :
