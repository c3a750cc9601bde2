//! Disks of containers: what an operator writes, and what the server wants to read.

use super::trouble::Trouble;
use crate::proxmox::property::{Properties, size};
use windlass_protocol::{Json, JsonMap};

/// A disk as an operator wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) storage: Option<String>,
    /// An existing volume of the storage.
    pub(super) volume: Option<String>,
    /// Its size as it was written: a number is of GiB.
    pub(super) size: Option<String>,
    pub(super) host_path: Option<String>,
    pub(super) mountpoint: Option<String>,
    /// What else there is to say, in order.
    pub(super) options: Vec<(String, String)>,
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.parse::<f64>().is_ok_and(f64::is_finite)
}

impl Volume {
    /// `local-lvm:8,acl=1`, `local:100/vm-100-disk-0.raw,mp=/srv,size=8G`, `/mnt/shared,mp=/shared`.
    pub(super) fn parse(text: &str) -> Result<Self, Trouble> {
        let mut parts = Properties::parse(text);
        let place = parts.take("volume").or_else(|| parts.bare().map(str::to_owned));
        let wrong = || {
            Trouble::wish(format!("Invalid volume string: {text}"))
                .hint("as in `local-lvm:8`, `local-lvm:vm-100-disk-0,size=8G` or `/mnt/shared,mp=/shared`")
        };
        let place = place.filter(|p| !p.contains(char::is_whitespace)).ok_or_else(wrong)?;
        let mut out = Self::default();
        for (key, value) in parts.iter("") {
            match key {
                "" => {}
                "size" => out.size = Some(value.to_owned()),
                _ => out.options.push((key.to_owned(), value.to_owned())),
            }
        }
        let is_storage =
            |s: &str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        match place.split_once(':') {
            Some((storage, rest)) if is_storage(storage) && !rest.is_empty() => {
                out.storage = Some(storage.to_owned());
                if is_number(rest) {
                    out.size = Some(rest.to_owned());
                } else {
                    out.volume = Some(rest.to_owned());
                }
            }
            _ => out.host_path = Some(place),
        }
        Ok(out)
    }

    /// The same as a mapping, with the rules that its fields have.
    pub(super) fn of(map: &JsonMap, argument: &'static str) -> Result<Self, Trouble> {
        const KNOWN: [&str; 7] = ["id", "storage", "volume", "size", "host_path", "mountpoint", "options"];
        let is_listed = argument == "mount_volumes";
        let known = |name: &str| KNOWN.contains(&name) && (is_listed || !matches!(name, "id" | "mountpoint"));
        if let Some(name) = map.keys().find(|name| !known(name)) {
            return Err(Trouble::about(argument, format!("{argument}: there is no `{name}` in it")));
        }
        let text = |name: &str| match map.get(name) {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        let has = |name: &str| map.get(name).is_some_and(|v| !v.is_null());
        let rule = |message: String| Err(Trouble::about(argument, format!("{message} found in {argument}")));
        if has("storage") != has("size") {
            return rule("parameters are required together: storage, size".to_owned());
        }
        if has("volume") && !has("storage") {
            return rule("missing parameter(s) required by 'volume': storage, size".to_owned());
        }
        for other in ["storage", "volume", "size"] {
            if has("host_path") && has(other) {
                return rule(format!("parameters are mutually exclusive: host_path|{other}"));
            }
        }
        if is_listed && !has("mountpoint") {
            return rule("missing required arguments: mountpoint".to_owned());
        }
        let options = match map.get("options") {
            Some(Json::Object(options)) => options
                .iter()
                .map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            storage: text("storage"),
            volume: text("volume"),
            size: text("size"),
            host_path: text("host_path"),
            mountpoint: text("mountpoint"),
            options,
        })
    }

    /// The volume's whole name, if it is an existing one.
    pub(super) fn volid(&self) -> Option<String> {
        Some(format!("{}:{}", self.storage.as_ref()?, self.volume.as_ref()?))
    }

    /// As a new disk.
    pub(super) fn create(&self) -> Result<String, Trouble> {
        if let Some(volid) = self.volid() {
            let size = self.size.as_ref().map(|s| format!("size={}", with_unit(s)));
            return Ok(self.joined(std::iter::once(volid).chain(size)));
        }
        if let Some(path) = &self.host_path {
            return Ok(self.joined(std::iter::once(path.clone())));
        }
        let Some(storage) = &self.storage else {
            return Err(Trouble::wish("a disk needs a `storage` or a `host_path`, and has neither"));
        };
        let Some(size) = &self.size else {
            return Err(Trouble::wish(format!("a new disk in the storage {storage} needs a `size`")));
        };
        let number = size.strip_suffix('G').unwrap_or(size);
        if !is_number(number) {
            return Err(Trouble::wish(format!("a new disk needs its size in GiB, and {size} is none")).hint(
                "write the size as a number of GiB, as in `8` or `0.5`, or name an existing `volume`",
            ));
        }
        Ok(self.joined(std::iter::once(format!("{storage}:{number}"))))
    }

    fn joined(&self, head: impl Iterator<Item = String>) -> String {
        let mountpoint = self.mountpoint.iter().map(|path| format!("mp={path}"));
        let options = self.options.iter().map(|(k, v)| format!("{k}={v}"));
        head.chain(mountpoint).chain(options).collect::<Vec<_>>().join(",")
    }

    /// What has to be done to the disk that is there.
    pub(super) fn compare(&self, key: &str, current: &str) -> Result<Change, Trouble> {
        let have = Properties::parse(current);
        let place = have.get("volume", "volume").unwrap_or_default();
        let mut set = have.clone();
        let mut differs = false;
        let mountpoint = self.mountpoint.iter().map(|path| ("mp", path.as_str()));
        let options = self.options.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        for (name, value) in mountpoint.chain(options) {
            if !Properties::parse(&format!("{name}={value}")).within(&have, "volume") {
                differs = true;
                set.set(name, value);
            }
        }
        if let Some(path) = &self.host_path {
            if path != place {
                return Ok(Change { set: Some(self.create()?), resize: None });
            }
            return Ok(Change { set: differs.then(|| set.to_string()), resize: None });
        }
        let there = place.split(':').next().unwrap_or_default();
        if let Some(storage) = self.storage.as_deref().filter(|s| *s != there) {
            return Err(Trouble::wish(format!(
                "{key} is {place}; this module does not move it to the storage {storage}"
            ))
            .hint("move the volume at the server, or name the storage that it is on"));
        }
        if self.volid().is_some_and(|volid| volid != place) {
            set = Properties::parse(&Self { size: None, ..self.clone() }.create()?);
            let size =
                self.size.as_deref().map(with_unit).or_else(|| have.get("size", "").map(str::to_owned));
            if let Some(size) = size {
                set.set("size", &size);
            }
            return Ok(Change { set: Some(set.to_string()), resize: None });
        }
        let mut resize = None;
        if let (Some(want), Some(is)) = (&self.size, have.get("size", ""))
            && let (Some(wanted), Some(found)) = (size(want), size(is))
            && wanted != found
        {
            if wanted < found {
                return Err(Trouble::wish(format!(
                    "{key} has {is} and cannot be made smaller ({})",
                    with_unit(want)
                )));
            }
            resize = Some(with_unit(want));
        }
        Ok(Change { set: differs.then(|| set.to_string()), resize })
    }
}

/// What has to be done to a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Its new setting.
    pub(super) set: Option<String>,
    /// Its new size.
    pub(super) resize: Option<String>,
}

/// A size with its unit, GiB where none is written.
pub(super) fn with_unit(size: &str) -> String {
    if is_number(size) { format!("{size}G") } else { size.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn created(text: &str) -> String {
        match Volume::parse(text).and_then(|v| v.create()) {
            Ok(text) => text,
            Err(trouble) => format!("! {trouble}"),
        }
    }

    #[test]
    fn new_disks_in_every_form() {
        assert_eq!(created("fast:12"), "fast:12");
        assert_eq!(created("fast:2.25"), "fast:2.25");
        assert_eq!(created("nas:6,quota=1"), "nas:6,quota=1");
        assert_eq!(created("ro=1,nas:vm-204-disk-3,size=5G"), "nas:vm-204-disk-3,size=5G,ro=1");
        assert_eq!(
            created("dir2:204/vm-204-disk-1.raw,mp=/home,replicate=0,size=768M"),
            "dir2:204/vm-204-disk-1.raw,size=768M,mp=/home,replicate=0"
        );
        assert_eq!(created("volume=nas:vm-204-disk-3,size=5G"), "nas:vm-204-disk-3,size=5G");
        assert_eq!(created("/tank/media,mp=/media"), "/tank/media,mp=/media");
        assert_eq!(created("volume=/dev/sdk1,mp=/backup"), "/dev/sdk1,mp=/backup");
        assert!(created("mp=/srv").starts_with("! Invalid volume string"));
    }

    #[test]
    fn a_disk_as_a_mapping() {
        let of = |value: Json, argument| {
            let map = value.as_object().cloned().unwrap_or_default();
            match Volume::of(&map, argument).and_then(|v| v.create()) {
                Ok(text) => text,
                Err(trouble) => format!("! {trouble}"),
            }
        };
        let options = json!({"storage": "local", "size": 20, "options": {"acl": "1"}});
        assert_eq!(of(options, "disk_volume"), "local:20,acl=1");
        let mount = json!({"id": "mp0", "storage": "local", "size": "8", "mountpoint": "/srv"});
        assert_eq!(of(mount, "mount_volumes"), "local:8,mp=/srv");
        assert_eq!(
            of(json!({"storage": "local"}), "disk_volume"),
            "! parameters are required together: storage, size found in disk_volume"
        );
        assert_eq!(
            of(json!({"host_path": "/x", "storage": "a", "size": 1}), "disk_volume"),
            "! parameters are mutually exclusive: host_path|storage found in disk_volume"
        );
        assert!(of(json!({"id": "mp0", "host_path": "/x"}), "mount_volumes").contains("mountpoint"));
        assert!(of(json!({"mountpoint": "/x"}), "disk_volume").contains("there is no `mountpoint`"));
    }

    fn change(want: &str, have: &str) -> Result<Change, String> {
        Volume::parse(want).and_then(|v| v.compare("rootfs", have)).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_there_already_is_no_change() {
        let have = "local-lvm:vm-101-disk-0,size=8G";
        assert_eq!(change("local-lvm:8", have), Ok(Change::default()));
        assert_eq!(change("local-lvm:vm-101-disk-0,size=8G", have), Ok(Change::default()));
        assert_eq!(change("local-lvm:vm-101-disk-0", have), Ok(Change::default()));
        assert_eq!(change("/mnt/a,mp=/a", "/mnt/a,mp=/a/"), Ok(Change::default()));
    }

    #[test]
    fn disks_grow_and_do_not_shrink() {
        let have = "local-lvm:vm-101-disk-0,size=8G";
        assert_eq!(change("local-lvm:10", have), Ok(Change { set: None, resize: Some("10G".into()) }));
        assert_eq!(
            change("local-lvm:8,acl=1", have),
            Ok(Change { set: Some("local-lvm:vm-101-disk-0,size=8G,acl=1".into()), resize: None })
        );
        assert_eq!(change("local-lvm:4", have), Err("rootfs has 8G and cannot be made smaller (4G)".into()));
        assert!(change("nas:8", have).is_err_and(|e| e.contains("does not move it")));
    }
}
