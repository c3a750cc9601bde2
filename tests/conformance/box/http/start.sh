# shellcheck shell=bash
# Sourced by inside.sh: starts the HTTP host that some targets talk to, httpbin behind nginx with certificates of our own.
export HTTPTESTER=1
(cd / && /opt/httpbin/bin/gunicorn -D -b 127.0.0.1:8000 httpbin:app >/dev/null 2>&1)
nginx -c /conf/http/nginx.conf
for _ in 1 2 3 4 5 6 7 8 9 10; do
    python3 -c 'import urllib.request as u; u.urlopen("http://ansible.http.tests/get", timeout=5)' 2>/dev/null && break
    sleep 1
done
