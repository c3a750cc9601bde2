//! Files of the controller.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::R;
use crate::template::plugin::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(super) const TESTS: &[Test] = &[
    Test::new("directory", &[], |it, b| on(it, b, Path::is_dir)),
    Test::new("is_dir", &[], |it, b| on(it, b, Path::is_dir)),
    Test::new("file", &[], |it, b| on(it, b, Path::is_file)),
    Test::new("is_file", &[], |it, b| on(it, b, Path::is_file)),
    Test::new("link", &[], |it, b| on(it, b, Path::is_symlink)),
    Test::new("is_link", &[], |it, b| on(it, b, Path::is_symlink)),
    Test::new("exists", &[], |it, b| on(it, b, Path::exists)),
    Test::new("link_exists", &[], |it, b| on(it, b, |p| p.symlink_metadata().is_ok())),
    Test::new("abs", &[], |it, b| on(it, b, Path::is_absolute)),
    Test::new("is_abs", &[], |it, b| on(it, b, Path::is_absolute)),
    Test::new("mount", &[], |it, b| on(it, b, is_mount)),
    Test::new("is_mount", &[], |it, b| on(it, b, is_mount)),
    Test::new("same_file", &["other!"], same_file),
    Test::new("is_same_file", &["other!"], same_file),
    Test::new("vault_encrypted", &[], |it, b| Ok(b.text(it)?.starts_with("$ANSIBLE_VAULT;"))),
    Test::new("vaulted_file", &[], |it, b| {
        let path = b.text(it)?;
        Ok(std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"$ANSIBLE_VAULT;")))
    }),
];

fn on(it: &mut Interp<'_>, b: &mut Bound, test: fn(&Path) -> bool) -> R<bool> {
    Ok(test(Path::new(&b.text(it)?)))
}

fn is_mount(path: &Path) -> bool {
    let (Ok(own), Ok(parent)) = (path.symlink_metadata(), path.join("..").metadata()) else { return false };
    !own.is_symlink() && (own.dev() != parent.dev() || own.ino() == parent.ino())
}

fn same_file(it: &mut Interp<'_>, b: &mut Bound) -> R<bool> {
    let (one, other) = (b.text(it)?, b.str_or(it, 0, "")?);
    let found = |path: &str| {
        std::fs::metadata(path).map_err(|e| crate::template::eval::val::failed(format!("{path}: {e}")))
    };
    let (one, other) = (found(&one)?, found(&other)?);
    Ok(one.dev() == other.dev() && one.ino() == other.ino())
}
