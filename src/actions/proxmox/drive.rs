//! Disks that a virtual machine has already: what is to be done so that they are as a task wants them.

use super::trouble::Trouble;
use super::volume::{Change, with_unit};
use crate::proxmox::property::{Properties, size};

/// Where a disk lies: `STORAGE:VOLUME`, or what stands there instead.
fn place(drive: &Properties) -> &str {
    drive.get("file", "file").unwrap_or_default()
}

/// Whether nothing of the guest is on it: an empty drive, a disc, the data of cloud-init.
fn is_medium(drive: &Properties) -> bool {
    drive.get("media", "") == Some("cdrom") || place(drive) == "none"
}

/// Whether a volume is what the server makes of `STORAGE:cloudinit`.
fn is_cloudinit(volume: &str) -> bool {
    let name = volume.rsplit('/').next().unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default();
    name.starts_with("vm-") && name.ends_with("-cloudinit")
}

/// What has to be done to the disk that is there. To the server `STORAGE:SIZE` means a new disk, always: the one that
/// holds the guest's data would be put aside for a blank one. So the volume that is there is named in its place.
pub(super) fn compare(key: &str, want: &str, have: &str, is_sized: bool) -> Result<Change, Trouble> {
    let (mut wanted, found) = (Properties::parse(want), Properties::parse(have));
    let (to, at) = (place(&wanted).to_owned(), place(&found));
    let storage =
        |place: &str| place.split_once(':').map_or(String::new(), |(storage, _)| storage.to_owned());
    let other = || Ok(Change { set: Some(want.to_owned()), resize: None });
    let mut asked = wanted.take("size");
    match to.split_once(':') {
        Some((_, number)) if number.parse::<f64>().is_ok() => {
            if is_medium(&found) {
                return other();
            }
            if storage(&to) != storage(at) {
                let text =
                    format!("{key} is {at}; this module does not move it to the storage {}", storage(&to));
                return Err(Trouble::wish(text)
                    .hint("move the disk at the server, or name the storage that it is on"));
            }
            // What only says how a new disk is made is in no configuration.
            wanted.take("format");
            let is_copy = wanted.take("import-from").is_some();
            asked = Some(number.to_owned()).filter(|_| is_sized && !is_copy);
        }
        Some((_, "cloudinit")) => {
            let volume = at.split_once(':').map_or("", |(_, volume)| volume);
            if storage(&to) != storage(at) || !is_cloudinit(volume) {
                return other();
            }
        }
        _ if to != at => return other(),
        _ => {}
    }
    let (mut set, mut differs) = (found.clone(), false);
    for (name, value) in wanted.iter("file").filter(|(name, _)| *name != "file") {
        if !Properties::parse(&format!("{name}={value}")).within(&found, "file") {
            set.set(name, value);
            differs = true;
        }
    }
    let mut resize = None;
    if let (Some(asked), Some(is)) = (&asked, found.get("size", ""))
        && let (Some(bytes), Some(now)) = (size(asked), size(is))
        && bytes != now
    {
        if bytes < now {
            let text = format!("{key} has {is} and cannot be made smaller ({})", with_unit(asked));
            return Err(Trouble::wish(text));
        }
        resize = Some(with_unit(asked));
    }
    Ok(Change { set: differs.then(|| set.to_string()), resize })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAVE: &str = "local-lvm:vm-200-disk-0,iothread=1,size=32G";

    fn change(want: &str, have: &str) -> Result<Change, String> {
        compare("scsi0", want, have, true).map_err(|e| e.to_string())
    }

    fn set(text: &str) -> Result<Change, String> {
        Ok(Change { set: Some(text.to_owned()), resize: None })
    }

    #[test]
    fn a_disk_is_the_one_that_was_made() {
        let same = Ok(Change::default());
        assert_eq!(change("local-lvm:32,format=raw", HAVE), same);
        assert_eq!(change("file=local-lvm:32,iothread=1", HAVE), same);
        assert_eq!(change("local-lvm:vm-200-disk-0", HAVE), same);
        assert_eq!(change("local-lvm:vm-200-disk-0,size=32768M", HAVE), same);
        assert_eq!(change("local-lvm:0,import-from=local:import/debian.qcow2", HAVE), same);
    }

    #[test]
    fn its_volume_stays_when_it_changes() {
        let ssd = "local-lvm:vm-200-disk-0,iothread=1,size=32G,ssd=1";
        assert_eq!(change("local-lvm:32,ssd=1", HAVE), set(ssd));
        assert_eq!(change("local-lvm:0,import-from=local:import/d.qcow2,ssd=1", HAVE), set(ssd));
        assert_eq!(
            change("local-lvm:64,iothread=0", HAVE),
            Ok(Change {
                set: Some("local-lvm:vm-200-disk-0,iothread=0,size=32G".into()),
                resize: Some("64G".into())
            })
        );
        assert_eq!(
            change("local-lvm:vm-200-disk-0,size=40G", HAVE),
            Ok(Change { set: None, resize: Some("40G".into()) })
        );
        assert_eq!(
            change("local-lvm:16", HAVE),
            Err("scsi0 has 32G and cannot be made smaller (16G)".into())
        );
        assert!(change("nas:32", HAVE).is_err_and(|e| e.contains("does not move it to the storage nas")));
        assert!(change("local-lvm:32", "/dev/sdb,size=32G").is_err());
    }

    #[test]
    fn what_is_named_takes_its_place() {
        assert_eq!(change("local-lvm:vm-200-disk-7", HAVE), set("local-lvm:vm-200-disk-7"));
        let disc = "local:iso/a.iso,media=cdrom,size=600M";
        assert_eq!(change("local:iso/b.iso,media=cdrom", disc), set("local:iso/b.iso,media=cdrom"));
        assert_eq!(change("none,media=cdrom", disc), set("none,media=cdrom"));
        assert_eq!(change("local-lvm:8", disc), set("local-lvm:8"), "there is nothing on it to keep");
    }

    #[test]
    fn the_disc_of_cloud_init_is_the_one_that_was_made() {
        let same = Ok(Change::default());
        assert_eq!(change("local-lvm:cloudinit", "local-lvm:vm-200-cloudinit,media=cdrom,size=4M"), same);
        let file = "local:200/vm-200-cloudinit.qcow2,media=cdrom,size=4M";
        assert_eq!(change("local:cloudinit,media=cdrom", file), same);
        assert_eq!(change("local-lvm:cloudinit", file), set("local-lvm:cloudinit"));
        assert_eq!(change("local:cloudinit", "none,media=cdrom"), set("local:cloudinit"));
    }

    #[test]
    fn the_server_knows_the_size_of_firmware_and_tpm() {
        let tpm = "local-lvm:vm-200-disk-1,size=4M,version=v2.0";
        let change = |want| compare("tpmstate0", want, tpm, false).map_err(|e| e.to_string());
        assert_eq!(change("local-lvm:1,version=v2.0"), Ok(Change::default()));
        assert_eq!(change("local-lvm:1,version=v1.2"), set("local-lvm:vm-200-disk-1,size=4M,version=v1.2"));
    }
}
