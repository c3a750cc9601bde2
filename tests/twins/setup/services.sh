# A user manager that runs without a login.
mkdir -p /var/lib/systemd/linger
touch /var/lib/systemd/linger/root
systemctl start user@0.service
for _ in $(seq 100); do
    [ -S /run/user/0/systemd/private ] && break
    sleep 0.1
done
