//! Storages, what lies in them, and the texts that name a volume.

use std::collections::BTreeMap;

/// A storage of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    /// `dir`, `lvmthin`, `nfs`, ...
    pub(crate) kind: String,
    /// What may be put there: `vztmpl`, `iso`, `rootdir`, ...
    pub(crate) content: Vec<String>,
    /// What is there, by the part after the colon.
    pub(crate) volumes: BTreeMap<String, Volume>,
}

/// Something in a storage.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub(crate) content: String,
    pub(crate) size: u64,
    pub(crate) vmid: Option<u32>,
}

impl Storage {
    pub(crate) fn new(kind: &str, content: &str) -> Self {
        let content = content.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
        Self { kind: kind.to_owned(), content, volumes: BTreeMap::new() }
    }

    pub(crate) fn holds(&self, content: &str) -> bool {
        self.content.iter().any(|c| c == content)
    }

    /// The format that the original names: by the file's ending, and `raw` or `subvol` for disks.
    pub(crate) fn format(&self, name: &str, volume: &Volume) -> &'static str {
        match volume.content.as_str() {
            "iso" => "iso",
            "rootdir" | "images" => "raw",
            _ if name.ends_with(".tar.gz") => "tgz",
            _ if name.ends_with(".tar.xz") => "txz",
            _ if name.ends_with(".tar.zst") => "tzst",
            _ => "raw",
        }
    }

    /// The name of a guest's disk here.
    pub(crate) fn disk_name(&self, vmid: u32, number: usize) -> String {
        match self.kind.as_str() {
            "dir" | "nfs" | "cifs" => format!("{vmid}/vm-{vmid}-disk-{number}.raw"),
            "zfspool" => format!("subvol-{vmid}-disk-{number}"),
            _ => format!("vm-{vmid}-disk-{number}"),
        }
    }
}

/// `local:vztmpl/x` in its parts.
pub(crate) fn split_id(id: &str) -> Option<(&str, &str)> {
    id.split_once(':').filter(|(storage, name)| !storage.is_empty() && !name.is_empty())
}

/// The bytes of a `size=8G` among a volume's options.
pub(crate) fn size_of(volume: &str) -> Option<u64> {
    volume.split(',').find_map(|part| part.strip_prefix("size=")).and_then(parse_size)
}

/// `8G`, `512M`, `0.5T`: bytes.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" => 1.0,
        "K" => 1024.0,
        "M" => 1024.0 * 1024.0,
        "G" => 1024.0 * 1024.0 * 1024.0,
        "T" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
    Some((number * factor) as u64)
}

/// Bytes in the largest unit that holds them without a rest.
pub(crate) fn format_size(bytes: u64) -> String {
    let units = [(1u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, letter)) => format!("{}{letter}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(size_of("local-lvm:vm-1-disk-0,size=8G"), Some(8 << 30));
        assert_eq!((parse_size("0.5G"), parse_size("1X"), parse_size("-1G")), (Some(1 << 29), None, None));
        assert_eq!(
            (format_size(8 << 30), format_size(1 << 29), format_size(0)),
            ("8G".into(), "512M".into(), "0".into())
        );
    }
}
