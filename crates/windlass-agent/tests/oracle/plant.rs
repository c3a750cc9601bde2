//! The tree that every case starts from.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

pub fn plant(root: &Path) {
    let file = |name: &str, text: &str, mode: u32| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file("a.conf", "# head\nkey=1\nother = two\nkey=2\n\nlast", 0o644);
    file("crlf", "a\r\nb\r\n", 0o644);
    file("empty", "", 0o640);
    file("exec", "#!/bin/sh\nexit 0\n", 0o755);
    file("block", "top\n# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\nbottom\n", 0o600);
    file("d/x", "x", 0o644);
    file("d/sub/y", "y\n", 0o600);
    std::fs::create_dir(root.join("void")).unwrap();
    symlink("a.conf", root.join("link")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    symlink("d", root.join("dlink")).unwrap();
    std::fs::hard_link(root.join("d/x"), root.join("hard")).unwrap();
}
