# A package archive of the host's own: small, without a network, and with several versions of the same.
build=$(mktemp -d)
# Both hosts build the same archives.
export SOURCE_DATE_EPOCH=1600000000
mkdir -p /srv/repo /srv/files
# deb FOLDER NAME VERSION [more control lines]
deb() {
    tree=$build/$2-$3
    mkdir -p "$tree/DEBIAN" "$tree/usr/share/$2"
    echo "$3" >"$tree/usr/share/$2/version"
    if [ "$2" = twin-conf ]; then
        mkdir -p "$tree/etc"
        echo 'setting = 1' >"$tree/etc/twin-conf.conf"
        echo /etc/twin-conf.conf >"$tree/DEBIAN/conffiles"
    fi
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: all\nSection: misc\nPriority: optional\n' "$2" "$3"
        printf 'Maintainer: Twins <twins@example.org>\n%s' "${4:+$4
}"
        printf 'Description: a package to compare with\n'
    } >"$tree/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$tree" "$1/$2_$3_all.deb" >/dev/null
}
index() {
    for file in /srv/repo/*.deb; do
        dpkg-deb --field "$file"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" \
            "$(sha256sum "$file" | cut -d' ' -f1)"
    done >/srv/repo/Packages
}
deb /srv/repo twin-alpha 1.0
deb /srv/repo twin-alpha 2.0
deb /srv/repo twin-gamma 1.0 'Provides: twin-virtual'
deb /srv/repo twin-beta 1.0 'Depends: twin-gamma'
deb /srv/repo twin-conf 1.0
deb /srv/repo twin-extra 1.0
deb /srv/repo twin-held 1.0
deb /srv/repo twin-rec 1.0 'Recommends: twin-extra'
deb /srv/repo twin-enemy 1.0 'Conflicts: twin-alpha'
deb /srv/repo twin-unmet 1.0 'Depends: twin-nowhere'
deb /srv/files twin-file 1.0
deb /srv/files twin-file 1.1
deb /srv/files twin-needy 1.0 'Depends: twin-extra'
rm -rf "$build/old" /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/twins.list
index
apt-get -qq update
# What only a refresh of the lists brings.
deb /srv/repo twin-late 1.0
index
touch -d '2 days ago' /var/lib/apt/lists
rm -rf "$build"
