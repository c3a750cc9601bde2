//! `recurse: true`: the same attributes for everything below a folder.

use super::{Job, Work};
use crate::ModuleError;
use std::collections::HashSet;
use std::path::Path;
use windlass_protocol::FileKind;

impl Job<'_> {
    pub(super) fn recurse(&self, work: &mut Work, top: &str) -> Result<(), ModuleError> {
        work.below = true;
        // What a followed link leads to may be below the folder as well.
        let mut seen: HashSet<String> = HashSet::new();
        let mut open = vec![top.to_owned()];
        while let Some(folder) = open.pop() {
            for name in self.sys.read_dir(Path::new(&folder)).map_err(self.at(&folder))? {
                let path = format!("{}/{name}", folder.trim_end_matches('/'));
                let Some(meta) = self.lstat(&path)? else { continue };
                if seen.insert(path.clone()) {
                    let found = self.wish.difference(Path::new(&path), &meta, self.sys)?;
                    work.set_attrs(Path::new(&path), &meta, found, false, self.sys);
                }
                match meta.kind {
                    FileKind::Directory => open.push(path),
                    FileKind::Link if self.args.follow => {
                        // Links to nothing are left alone.
                        let Ok(real) = self.sys.canonicalize(Path::new(&path)) else { continue };
                        if !seen.insert(real.clone()) {
                            continue;
                        }
                        let Some(meta) = self.lstat(&real)? else { continue };
                        let found = self.wish.difference(Path::new(&real), &meta, self.sys)?;
                        work.set_attrs(Path::new(&real), &meta, found, false, self.sys);
                        if meta.kind == FileKind::Directory {
                            open.push(real);
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
