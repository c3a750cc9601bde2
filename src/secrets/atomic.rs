//! Files that appear whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Writes a file that only its owner may read (0600); a file that is there is replaced in one step.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    // Through a symbolic link the file it names is meant, not the link.
    install(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), content, None)
}

/// Replaces a file in one step and keeps its owner and mode; a new one gets 0600.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // Through a symbolic link the file it names is meant, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let meta = fs::metadata(&target).ok();
    install(&target, content, meta.as_ref())
}

fn install(path: &Path, content: &[u8], like: Option<&fs::Metadata>) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    };
    let (temporary, mut file) = create(&dir)?;
    let result = (|| {
        file.write_all(content)?;
        if let Some(meta) = like {
            use std::os::unix::fs::MetadataExt;
            // Only root may give a file away; the mode matters in any case.
            let _ = fchown(&file, Some(meta.uid()), Some(meta.gid()));
            file.set_permissions(Permissions::from_mode(meta.mode() & 0o7777))?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(&dir)?.sync_all()
    })();
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn create(dir: &Path) -> io::Result<(PathBuf, File)> {
    let mut tries = 0;
    loop {
        let path = dir.join(format!(".windlass-{:016x}.tmp", rand::random::<u64>()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 16 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn modes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_private(&path, b"a").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"b").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        let link = dir.path().join("l");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, b"c").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"c");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file is left");
    }
}
