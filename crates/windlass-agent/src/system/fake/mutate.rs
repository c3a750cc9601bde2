//! Changing the imagined machine.

use super::{Fake, Node, State};
use crate::system::{HttpError, HttpResponse, Mutate, OutputSink, RunOutput};
use std::io;
use std::path::{Path, PathBuf};
use windlass_protocol::{FileAttrs, FileKind, HttpRequest, RunSpec, Stream};

impl State {
    /// Notes a call, and fails if it has to.
    fn call(&mut self, what: &str, path: &Path) -> io::Result<()> {
        self.calls.push((what.to_owned(), path.to_owned()));
        self.check_failure(what, path)
    }

    fn give(&mut self, path: &Path, attrs: &FileAttrs) -> io::Result<()> {
        let (now, uid) = (self.tree.now, self.uid);
        let node = self.tree.get_mut(path).ok_or_else(|| io::Error::from_raw_os_error(2))?;
        let foreign = uid != 0 && node.meta.uid != uid;
        let gives_away = uid != 0 && attrs.uid.is_some_and(|wanted| wanted != node.meta.uid);
        if !attrs.is_empty() && (foreign || gives_away) {
            return Err(io::Error::from_raw_os_error(1));
        }
        if let Some(mode) = attrs.mode.filter(|_| node.meta.kind != FileKind::Link) {
            node.meta.mode = mode;
        }
        node.meta.uid = attrs.uid.unwrap_or(node.meta.uid);
        node.meta.gid = attrs.gid.unwrap_or(node.meta.gid);
        if let Some(text) = &attrs.attributes {
            node.attributes = change_letters(&node.attributes, text);
        }
        if attrs.context.is_some() {
            node.context.clone_from(&attrs.context);
        }
        node.meta.ctime = now;
        Ok(())
    }
}

fn change_letters(old: &str, text: &str) -> String {
    match (text.chars().next(), text.get(1..)) {
        (Some('+'), Some(more)) => {
            let more = more.chars().filter(|c| !old.contains(*c));
            old.chars().chain(more).collect()
        }
        (Some('-'), Some(less)) => old.chars().filter(|c| !less.contains(*c)).collect(),
        (Some('='), Some(all)) => all.to_owned(),
        _ => text.to_owned(),
    }
}

impl Fake {
    fn write(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        mtime: Option<(i64, u32)>,
        check: &mut dyn FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let temporary: PathBuf;
        {
            let mut state = self.state();
            state.call("write", path)?;
            let folder = state.tree.resolve(path.parent().unwrap_or(Path::new("/")), true)?;
            temporary = folder.join(".windlass-temporary");
            let old = state.tree.resolve(path, false).ok().and_then(|p| state.tree.get(&p).cloned());
            if old.as_ref().is_some_and(|node| node.meta.kind == FileKind::Directory) {
                return Err(io::Error::from_raw_os_error(21));
            }
            let (uid, gid, mode) = (state.uid, state.gid, 0o666 & !state.umask);
            let mut node = match old.filter(|node| node.meta.kind == FileKind::File) {
                Some(old) => Node { content: bytes, ..old },
                None => Node::file(&bytes).mode(mode).owner(uid, gid),
            };
            node.meta.nlink = 1;
            node.meta.mtime = mtime.unwrap_or(state.tree.now);
            state.tree.create(&temporary, node)?;
            if let Err(error) = state.give(&temporary, attrs) {
                state.tree.delete(&temporary);
                return Err(error);
            }
        }
        // Unlocked: the check runs a program.
        let checked = check(&temporary);
        let mut state = self.state();
        if checked.is_err() {
            state.tree.delete(&temporary);
            return checked;
        }
        // As the real one: all names of a file with several show the new content.
        let real = state.tree.resolve(path, false)?;
        let linked = state.tree.get(&real).is_some_and(|n| n.meta.kind == FileKind::File && n.meta.nlink > 1);
        match state.tree.get(&temporary).cloned() {
            Some(new) if linked => {
                if let Some(old) = state.tree.get_mut(&real) {
                    let (ino, nlink) = (old.meta.ino, old.meta.nlink);
                    *old = new;
                    (old.meta.ino, old.meta.nlink) = (ino, nlink);
                }
                state.tree.delete(&temporary);
                Ok(())
            }
            _ => state.tree.rename(&temporary, path),
        }
    }
}

impl Mutate for Fake {
    fn write_file(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        _in_place: bool,
        check: &mut dyn FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        self.write(path, content, attrs, None, check)
    }

    fn write_loose(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        mtime: Option<(i64, u32)>,
    ) -> io::Result<()> {
        self.write(path, content, attrs, mtime, &mut |_| Ok(()))
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        self.state().call("sync", path)
    }

    fn make_dir(&self, path: &Path, attrs: &FileAttrs) -> io::Result<()> {
        let mut state = self.state();
        state.call("make_dir", path)?;
        let real = state.tree.resolve(path, true)?;
        match state.tree.get(&real).map(|node| node.meta.kind) {
            Some(FileKind::Directory) => {}
            Some(_) => return Err(io::Error::from_raw_os_error(17)),
            None => {
                let node = Node::directory().mode(0o777 & !state.umask).owner(state.uid, state.gid);
                state.tree.create(&real, node)?;
            }
        }
        state.give(&real, attrs)
    }

    fn set_attrs(&self, path: &Path, attrs: &FileAttrs, follow: bool) -> io::Result<()> {
        let mut state = self.state();
        state.call("set_attrs", path)?;
        let real = state.tree.resolve(path, follow)?;
        state.give(&real, attrs)
    }

    fn symlink(&self, path: &Path, target: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call("symlink", path)?;
        let real = state.tree.resolve(path, false)?;
        if state.tree.get(&real).is_some_and(|node| node.meta.kind == FileKind::Directory) {
            return Err(io::Error::from_raw_os_error(21));
        }
        let node = Node::link(target).owner(state.uid, state.gid);
        state.tree.create(&real, node)
    }

    fn hardlink(&self, path: &Path, target: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call("hardlink", path)?;
        state.tree.second_name(path, target)
    }

    fn remove(&self, path: &Path, recursive: bool) -> io::Result<()> {
        let mut state = self.state();
        state.call("remove", path)?;
        let Ok(real) = state.tree.resolve(path, false) else { return Ok(()) };
        if !recursive && !state.tree.children(&real).is_empty() {
            return Err(io::Error::from_raw_os_error(39));
        }
        state.tree.delete(&real);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call("rename", from)?;
        state.tree.rename(from, to)
    }

    fn touch(
        &self,
        path: &Path,
        atime: Option<(i64, u32)>,
        mtime: Option<(i64, u32)>,
        follow: bool,
    ) -> io::Result<()> {
        let mut state = self.state();
        state.call("touch", path)?;
        let real = state.tree.resolve(path, follow)?;
        if state.tree.get(&real).is_none() {
            let node = Node::file("").mode(0o666 & !state.umask).owner(state.uid, state.gid);
            state.tree.create(&real, node)?;
        }
        if let Some(node) = state.tree.get_mut(&real) {
            node.meta.atime = atime.unwrap_or(node.meta.atime);
            node.meta.mtime = mtime.unwrap_or(node.meta.mtime);
        }
        Ok(())
    }

    fn copy_tree(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call("copy_tree", to)?;
        let real = state.tree.resolve(to, false)?;
        if state.tree.get(&real).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.tree.copy(from, to)
    }

    fn http_change(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.ask_web(request, true)
    }

    fn run(&self, run: &RunSpec, sink: Option<OutputSink<'_>>) -> io::Result<RunOutput> {
        let output = self.execute(run, true)?;
        if let Some(sink) = sink {
            for (stream, bytes) in [(Stream::Stdout, &output.stdout), (Stream::Stderr, &output.stderr)] {
                if !bytes.is_empty() {
                    sink(stream, bytes);
                }
            }
        }
        Ok(output)
    }
}
