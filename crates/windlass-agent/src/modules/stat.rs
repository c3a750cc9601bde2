//! `stat`: says what is at a path.

mod mime;

use crate::paths::checksum;
use crate::system::{Meta, Observe};
use crate::{Context, Module, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::modules::stat::StatArgs;
use windlass_protocol::{FileKind, Json, JsonMap};

/// The module.
pub struct Stat;

/// Words for the letters of lsattr.
const ATTRIBUTES: [(char, &str); 20] = [
    ('A', "noatime"),
    ('a', "append"),
    ('C', "nocow"),
    ('c', "compressed"),
    ('D', "dirsync"),
    ('d', "nodump"),
    ('E', "encrypted"),
    ('e', "extents"),
    ('h', "blocksize"),
    ('I', "indexed"),
    ('i', "immutable"),
    ('j', "journalled"),
    ('N', "inline"),
    ('S', "synchronous"),
    ('s', "zero"),
    ('T', "blockroot"),
    ('t', "notail"),
    ('u', "undelete"),
    ('X', "compressedraw"),
    ('Z', "compresseddirty"),
];

impl Module for Stat {
    type Args = StatArgs;

    fn plan(args: &StatArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let path = Path::new(&*args.path);
        let meta = if args.follow { sys.stat(path) } else { sys.lstat(path) };
        // In the system's words, and nothing else.
        let meta = meta.map_err(|error| {
            let text = error.to_string();
            ModuleError::new(text.split(" (os error ").next().unwrap_or_default())
        })?;
        if meta.is_none() && is_below_a_file(&args.path, sys) {
            return Err(ModuleError::new("Not a directory"));
        }
        let mut stat = JsonMap::new();
        match meta {
            None => {
                stat.insert("exists".into(), false.into());
            }
            Some(meta) => {
                basics(&mut stat, &args.path, &meta);
                extras(&mut stat, args, &meta, sys);
            }
        }
        let mut plan = Plan::default();
        plan.set("stat", Json::Object(stat));
        Ok(plan)
    }
}

/// Whether something that is no folder stands in the way of a path. Else there is just nothing at it.
fn is_below_a_file(path: &str, sys: &dyn Observe) -> bool {
    // A slash at the end wants a folder there too.
    let own = usize::from(!path.ends_with('/'));
    let found = Path::new(path.trim_end_matches('/'))
        .ancestors()
        .skip(own)
        .find_map(|at| sys.stat(at).ok().flatten());
    found.is_some_and(|meta| meta.kind != FileKind::Directory)
}

fn seconds(time: (i64, u32)) -> Json {
    Json::from(time.0 as f64 + f64::from(time.1) / 1e9)
}

/// What `find` says of a path: what `stat` says without asking the file itself.
pub(super) fn facts_of(path: &str, meta: &Meta, sys: &dyn Observe) -> JsonMap {
    let mut stat = JsonMap::new();
    basics(&mut stat, path, meta);
    for own in ["exists", "blocks", "block_size", "device_type"] {
        stat.remove(own);
    }
    if let Some(user) = sys.user_by_id(meta.uid) {
        stat.insert("pw_name".into(), user.name.into());
    }
    if let Some(group) = sys.group_by_id(meta.gid) {
        stat.insert("gr_name".into(), group.name.into());
    }
    stat
}

fn basics(stat: &mut JsonMap, path: &str, meta: &Meta) {
    let mut set = |key: &str, value: Json| {
        stat.insert(key.to_owned(), value);
    };
    let bit = |mask: u32| Json::from(meta.mode & mask != 0);
    set("exists", true.into());
    set("path", path.into());
    set("mode", format!("{:04o}", meta.mode).into());
    for (key, kind) in [
        ("isdir", FileKind::Directory),
        ("ischr", FileKind::CharDevice),
        ("isblk", FileKind::BlockDevice),
        ("isreg", FileKind::File),
        ("isfifo", FileKind::Fifo),
        ("islnk", FileKind::Link),
        ("issock", FileKind::Socket),
    ] {
        set(key, (meta.kind == kind).into());
    }
    set("uid", meta.uid.into());
    set("gid", meta.gid.into());
    set("size", meta.size.into());
    set("inode", meta.ino.into());
    set("dev", meta.dev.into());
    set("nlink", meta.nlink.into());
    set("atime", seconds(meta.atime));
    set("mtime", seconds(meta.mtime));
    set("ctime", seconds(meta.ctime));
    for (key, mask) in [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o020),
        ("rgrp", 0o040),
        ("xgrp", 0o010),
        ("woth", 0o002),
        ("roth", 0o004),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ] {
        set(key, bit(mask));
    }
    set("blocks", meta.blocks.into());
    set("block_size", meta.blksize.into());
    set("device_type", meta.rdev.into());
}

fn extras(stat: &mut JsonMap, args: &StatArgs, meta: &Meta, sys: &dyn Observe) {
    let path = Path::new(&*args.path);
    let mut set = |key: &str, value: Json| {
        stat.insert(key.to_owned(), value);
    };
    let readable = sys.access(path, 4);
    set("readable", readable.into());
    set("writeable", sys.access(path, 2).into());
    set("executable", sys.access(path, 1).into());
    if meta.kind == FileKind::Link
        && let Ok(target) = sys.read_link(path)
    {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let led = crate::paths::tidy(&folder.join(&target).to_string_lossy());
        set("lnk_source", sys.canonicalize(path).unwrap_or(led).into());
        set("lnk_target", target.into());
    }
    if let Some(user) = sys.user_by_id(meta.uid) {
        set("pw_name", user.name.into());
    }
    if let Some(group) = sys.group_by_id(meta.gid) {
        set("gr_name", group.name.into());
    }
    if args.get_checksum
        && readable
        && meta.kind == FileKind::File
        && let Ok(mut file) = sys.open(path)
        && let Ok(sum) = checksum(args.checksum_algorithm, &mut file)
    {
        set("checksum", sum.into());
    }
    if args.get_mime {
        let (kind, charset) = mime::guess(path, meta, sys);
        set("mimetype", kind.into());
        set("charset", charset.into());
    }
    if args.get_attributes {
        let letters = sys.attributes(path);
        let words: Vec<Json> = letters
            .chars()
            .filter_map(|letter| ATTRIBUTES.iter().find(|(known, _)| *known == letter))
            .map(|(_, word)| Json::from(*word))
            .collect();
        set("version", sys.generation(path).map_or(Json::Null, |number| number.to_string().into()));
        set("attributes", words.into());
        set("attr_flags", letters.into());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::system::fake::Fake;
    use serde_json::json;

    #[test]
    fn links_are_looked_at_or_through() {
        let fake = Fake::new();
        fake.file("/srv/f", "hi\n");
        fake.link("/srv/l", "f");
        let stat = |args| fake.check_module("stat", args).values()["stat"].clone();
        let link = stat(json!({"path": "/srv/l"}));
        assert_eq!((&link["islnk"], &link["lnk_target"]), (&json!(true), &json!("f")));
        assert_eq!(link["lnk_source"], "/srv/f");
        assert!(link.get("checksum").is_none());
        let file = stat(json!({"path": "/srv/l", "follow": true, "checksum": "md5"}));
        assert_eq!(file["isreg"], true);
        assert_eq!(file["checksum"], "764efa883dda1e11db47671c4a3bbd9e");
        assert_eq!((&file["mimetype"], &file["charset"]), (&json!("text/plain"), &json!("us-ascii")));
        for none in ["/srv/none", "/none/none", "/srv/none/"] {
            assert_eq!(stat(json!({"path": none})), json!({"exists": false}), "{none}");
        }
        for below in ["/srv/f/x", "/srv/f/x/y", "/srv/l/x"] {
            let outcome = fake.run_module("stat", json!({"path": below}));
            assert_eq!(outcome.msg.as_deref(), Some("Not a directory"), "{below}");
        }
        let bare = stat(
            json!({"path": "/srv/f", "get_mime": false, "get_attributes": false, "get_checksum": false}),
        );
        for key in ["mimetype", "charset", "version", "attributes", "attr_flags", "checksum"] {
            assert!(bare.get(key).is_none(), "{key}");
        }
    }
}
