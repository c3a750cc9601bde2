# shellcheck shell=bash
# Certificates for the HTTP host that some targets talk to: an authority, its hosts and a client, and a host of another authority.
set -eu
cd /conf/http
subject='/C=US/ST=North Carolina/L=Durham/O=Conformance/CN='

authority() { # file name, subject
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "$2" -keyout "$1.key" -out "${1}cert.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
certificate() { # host, authority, subject
    openssl req -newkey rsa:2048 -nodes -subj "$3" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n' "$1" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "${2}cert.pem" -CAkey "$2.key" -CAcreateserial -days 3650 -extfile "$1.ext" \
        -out "$1.pem" 2>/dev/null
}

authority ca "${subject}ansible.http.tests CA"
for host in ansible.http.tests sni1.ansible.http.tests client.ansible.http.tests; do certificate "$host" ca "$subject$host"; done
authority ca2 /CN=ca2
certificate self-signed.ansible.http.tests ca2 /CN=self-signed.ansible.http.tests

mkdir -p html
cp cacert.pem ca2cert.pem html/
cp client.ansible.http.tests.pem html/client.pem
cp client.ansible.http.tests.key html/client.key
chmod -R a+rX /conf/http
