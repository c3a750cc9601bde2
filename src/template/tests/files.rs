//! Files of the controller.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::filters;
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
    Test::new("abs", &[], |_, b| Ok(Path::new(filters::path(b)?).is_absolute())),
    Test::new("is_abs", &[], |_, b| Ok(Path::new(filters::path(b)?).is_absolute())),
    Test::new("mount", &[], |it, b| on(it, b, is_mount)),
    Test::new("is_mount", &[], |it, b| on(it, b, is_mount)),
    Test::new("same_file", &["other!"], same_file),
    Test::new("is_same_file", &["other!"], same_file),
    Test::new("vault_encrypted", &[], |_, b| Ok(is_opened(&b.value))),
    Test::new("vaulted_file", &[], |it, b| {
        let path = b.text(it)?;
        let bytes = std::fs::read(&path).map_err(|e| {
            failed(format!("Cannot test if the file '{path}' is a vault: {}", python_error(&e, &path)))
        })?;
        Ok(bytes.starts_with(b"$ANSIBLE_VAULT;"))
    }),
];

fn on(it: &mut Interp<'_>, b: &mut Bound, test: fn(&Path) -> bool) -> R<bool> {
    // A number is a file descriptor, which no test here is about.
    if matches!(b.value, Val::Int(_)) {
        return Ok(false);
    }
    Ok(test(Path::new(&b.text(it)?)))
}

/// What was decrypted is marked; a text that only looks encrypted is not what the test is about.
fn is_opened(value: &Val) -> bool {
    matches!(value, Val::Str(text) if text.is_secret())
}

/// An error of the system as Python words it.
fn python_error(error: &std::io::Error, path: &str) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("[Errno {}] {text}: '{path}'", error.raw_os_error().unwrap_or(0))
}

fn is_mount(path: &Path) -> bool {
    let (Ok(own), Ok(parent)) = (path.symlink_metadata(), path.join("..").metadata()) else { return false };
    !own.is_symlink() && (own.dev() != parent.dev() || own.ino() == parent.ino())
}

fn same_file(it: &mut Interp<'_>, b: &mut Bound) -> R<bool> {
    let (one, other) = (b.text(it)?, b.str_or(it, 0, "")?);
    let found = |path: &str| std::fs::metadata(path).map_err(|e| failed(python_error(&e, path)));
    let (one, other) = (found(&one)?, found(&other)?);
    Ok(one.dev() == other.dev() && one.ino() == other.ino())
}
