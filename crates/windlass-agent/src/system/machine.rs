//! What only system calls tell about the machine: its name, processors, file systems, addresses and local time.

use nix::ifaddrs::getifaddrs;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// `uname` and the like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// `Linux`.
    pub system: String,
    /// Network name.
    pub node: String,
    /// Kernel release.
    pub release: String,
    /// Kernel version.
    pub version: String,
    /// Hardware name, `x86_64`.
    pub machine: String,
    /// Processors that this process may run on.
    pub processors: usize,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Addresses of the network interfaces, in the kernel's order.
    pub addresses: Vec<InterfaceAddress>,
    /// The address that packets to the public internet leave with: IPv4, IPv6.
    pub source: (Option<IpAddr>, Option<IpAddr>),
}

/// An address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// Interface, or its label (`eth0:1`).
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// The mask.
    pub netmask: Option<IpAddr>,
    /// The broadcast address, if one is set.
    pub broadcast: Option<IpAddr>,
}

/// `statvfs`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FsStat {
    /// Preferred block size.
    pub bsize: u64,
    /// Unit of the block counts.
    pub frsize: u64,
    /// All blocks.
    pub blocks: u64,
    /// Blocks that an ordinary user may fill.
    pub bavail: u64,
    /// All inodes.
    pub files: u64,
    /// Inodes that an ordinary user may use.
    pub favail: u64,
}

/// A moment in the machine's own time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LocalTime {
    pub year: i32,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    /// Sunday is 0.
    pub weekday: u32,
    /// The first of January is 0.
    pub yearday: u32,
    /// Seconds east of UTC.
    pub offset: i64,
    /// Name of the zone, `CET`.
    pub zone: String,
}

impl LocalTime {
    /// `YYYY-MM-DD HH:MM:SS.ffffff`, without the fraction if it is zero, as Python prints a time.
    #[must_use]
    pub fn python_text(&self, nanos: u32) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
        match nanos / 1000 {
            0 => text,
            micros => format!("{text}.{micros:06}"),
        }
    }
}

/// Asks the kernel.
#[must_use]
pub fn machine() -> Machine {
    let name = rustix::system::uname();
    let text = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
    let processors = match rustix::thread::sched_getaffinity(None) {
        Ok(set) => set.count() as usize,
        Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
    };
    Machine {
        system: text(name.sysname()),
        node: text(name.nodename()),
        release: text(name.release()),
        version: text(name.version()),
        machine: text(name.machine()),
        processors,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        addresses: addresses(),
        source: (source("0.0.0.0:0", "8.8.8.8:53"), source("[::]:0", "[2404:6800:400a:800::1012]:53")),
    }
}

/// The local address of a connected datagram socket; connecting one sends nothing.
fn source(bind: &str, to: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(bind).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|a| a.ip()).filter(|ip| !ip.is_unspecified())
}

fn addresses() -> Vec<InterfaceAddress> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    let ip = |storage: Option<nix::sys::socket::SockaddrStorage>| -> Option<IpAddr> {
        let storage = storage?;
        if let Some(v4) = storage.as_sockaddr_in() {
            return Some(SocketAddr::from(std::net::SocketAddrV4::new(v4.ip(), 0)).ip());
        }
        storage.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()))
    };
    all.filter_map(|entry| {
        let address = ip(entry.address)?;
        // Some C libraries repeat the address itself where no broadcast address is set.
        let broadcast = ip(entry.broadcast).filter(|b| *b != address);
        Some(InterfaceAddress {
            interface: entry.interface_name,
            address,
            netmask: ip(entry.netmask),
            broadcast,
        })
    })
    .collect()
}

/// `statvfs` that gives up after a while: a dead network file system answers never.
///
/// # Errors
/// As `statvfs`, or [`io::ErrorKind::TimedOut`].
pub fn filesystem(path: &Path, timeout_ms: u64) -> io::Result<FsStat> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    std::thread::Builder::new().name("statvfs".into()).spawn(move || {
        let answer = rustix::fs::statvfs(&path).map_err(io::Error::from).map(|s| FsStat {
            bsize: s.f_bsize,
            frsize: s.f_frsize,
            blocks: s.f_blocks,
            bavail: s.f_bavail,
            files: s.f_files,
            favail: s.f_favail,
        });
        // Nobody listens any more after the time is over.
        let _ = sender.send(answer);
    })?;
    receiver
        .recv_timeout(Duration::from_millis(timeout_ms))
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

/// The machine's own time at that second since the epoch.
#[must_use]
#[allow(unsafe_code)]
pub fn local_time(seconds: i64) -> LocalTime {
    use nix::libc;
    let time = seconds as libc::time_t;
    // SAFETY: `tm` is plain data for which all zeros is a value; both pointers are to live locals, and
    // `localtime_r` writes only into `tm`. `tm_zone` points to static text of the C library or is null.
    let (tm, zone) = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const time, &raw mut tm).is_null() {
            return LocalTime::default();
        }
        let zone = if tm.tm_zone.is_null() {
            String::from("UTC")
        } else {
            std::ffi::CStr::from_ptr(tm.tm_zone).to_string_lossy().into_owned()
        };
        (tm, zone)
    };
    LocalTime {
        year: tm.tm_year + 1900,
        month: tm.tm_mon as u32 + 1,
        day: tm.tm_mday as u32,
        hour: tm.tm_hour as u32,
        minute: tm.tm_min as u32,
        second: tm.tm_sec as u32,
        weekday: tm.tm_wday as u32,
        yearday: tm.tm_yday as u32,
        offset: tm.tm_gmtoff,
        zone,
    }
}

/// A second since the epoch in UTC.
#[must_use]
pub fn utc(seconds: i64) -> LocalTime {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from days, counted in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month as usize - 1];
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    LocalTime {
        year: year as i32,
        month: month as u32,
        day: day as u32,
        hour: (rest / 3600) as u32,
        minute: (rest % 3600 / 60) as u32,
        second: (rest % 60) as u32,
        weekday: (days + 4).rem_euclid(7) as u32,
        yearday: (before + day - 1 + i64::from(leap && month > 2)) as u32,
        offset: 0,
        zone: "UTC".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right() {
        let t = utc(1_795_174_854);
        assert_eq!((t.year, t.month, t.day, t.hour, t.minute, t.second), (2026, 11, 20, 11, 40, 54));
        assert_eq!((t.weekday, t.yearday), (5, 323));
        assert_eq!(utc(0).python_text(5_000), "1970-01-01 00:00:00.000005");
        let leap = utc(951_782_400);
        assert_eq!((leap.month, leap.day, leap.yearday, leap.weekday), (2, 29, 59, 2));
        assert_eq!(utc(-1).python_text(0), "1969-12-31 23:59:59");
    }

    #[test]
    fn the_machine_has_a_name_and_a_loopback_address() {
        let machine = machine();
        assert_eq!(machine.system, "Linux");
        assert!(machine.addresses.iter().any(|a| a.address.is_loopback()));
        assert!(machine.processors > 0);
    }
}
