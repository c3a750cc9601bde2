# shellcheck shell=bash
# Runs in the new base system (see `make`), with CORE in the environment.
set -eu
# What the machine around it had, and what pip and others here have to have.
export DEBIAN_FRONTEND=noninteractive HOME=/root PIP_DISABLE_PIP_VERSION_CHECK=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
unset TMPDIR

echo 'en_US.UTF-8 UTF-8' >/etc/locale.gen
locale-gen >/dev/null
update-ca-certificates >/dev/null 2>&1
apt-get -qq update

python3 -m venv /opt/ansible
/opt/ansible/bin/pip install -q "ansible-core==$CORE" passlib pexpect
python3 -m venv /opt/httpbin
/opt/httpbin/bin/pip install -q httpbin==0.10.2 gunicorn==23.0.0 Flask==3.1.0 Werkzeug==3.1.3

mkdir -p /root/.ssh /run/sshd
chmod 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
cat >/root/.ssh/config <<'CONFIG'
Host localhost 127.0.0.1
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
CONFIG
systemctl disable nginx ssh 2>/dev/null
systemctl mask systemd-networkd systemd-resolved apt-daily.timer apt-daily-upgrade.timer 2>/dev/null

bash /conf/http/certificates.sh

# What stands in for the project's file server. Everything in it is made here.
dir=/conf/cifiles
files=$dir/html/test/integration/targets
mkdir -p "$files/apt" "$files/apt_key" "$files/dpkg_selections"
cd "$dir"
name=ci-files.testing.ansible.com
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=files CA' -keyout ca.key -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout key.pem -out request 2>/dev/null
printf 'subjectAltName=DNS:%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' "$name" >extensions
openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile extensions -out cert.pem 2>/dev/null
cp ca.pem /usr/local/share/ca-certificates/files-local.crt
update-ca-certificates >/dev/null 2>&1

mkdir -p echo/DEBIAN echo/usr/bin
cat >echo/DEBIAN/control <<'CONTROL'
Package: echo-hello
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.com>
Depends: vim-tiny
Description: says hello
 Says hello.
CONTROL
printf '#!/bin/sh\necho hello\n' >echo/usr/bin/echo-hello
chmod 755 echo/usr/bin/echo-hello
dpkg-deb -b echo "$files/apt/echo-hello_1.0_all.deb" >/dev/null
tar czf "$files/apt/echo-hello-source.tar.gz" echo

apt-get download hello >/dev/null 2>&1
dpkg-deb -R hello_*.deb hello
sed -i 's/^Version:.*/Version: 2.10-2ubuntu2/' hello/DEBIAN/control
dpkg-deb -b hello "$files/apt/hello_2.10-2ubuntu2_$(dpkg --print-architecture).deb" >/dev/null
cp "$files"/apt/hello_2*.deb "$files/dpkg_selections/"

gpg --batch --quick-gen-key --passphrase '' 'Example <e@example.com>' rsa2048 sign never 2>/dev/null
gpg --export e@example.com >"$files/apt_key/apt-key-example-binary.gpg"
rm -rf /root/.gnupg echo hello hello_*.deb
cat >nginx.conf <<NGINX
user www-data;
worker_processes 1;
pid /run/nginx-files.pid;
error_log /dev/null;
events {}
http {
  access_log off;
  server {
    listen 127.77.0.1:443 ssl;
    ssl_certificate $dir/cert.pem;
    ssl_certificate_key $dir/key.pem;
    root $dir/html;
  }
}
NGINX
chmod -R a+rX "$dir"
apt-get clean
