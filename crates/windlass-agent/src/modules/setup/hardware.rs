//! Processors, memory, firmware, load and uptime.

use super::source::Source;
use super::{devices, mounts};
use serde_json::json;
use windlass_protocol::{Json, JsonMap};

/// Everything under `hardware`.
pub fn hardware(source: &mut Source<'_>) -> JsonMap {
    let mut out = JsonMap::new();
    processors(source, &mut out);
    memory(source, &mut out);
    firmware(source, &mut out);
    devices::devices(source, &mut out);
    if let Some(text) = source.text("/proc/uptime")
        && let Some(seconds) = text.split(['.', ' ']).next().and_then(|s| s.parse::<i64>().ok())
    {
        out.insert("uptime_seconds".into(), seconds.into());
    }
    devices::volumes(source, &mut out);
    mounts::mounts(source, &mut out);
    out
}

/// The three load averages.
pub fn load(source: &mut Source<'_>) -> JsonMap {
    let text = source.text("/proc/loadavg").unwrap_or_default();
    let numbers: Vec<f64> = text.split(' ').take(3).filter_map(|n| n.parse().ok()).collect();
    match numbers.as_slice() {
        [one, five, fifteen] => {
            JsonMap::from_iter([("loadavg".to_owned(), json!({"1m": one, "5m": five, "15m": fifteen}))])
        }
        _ => JsonMap::new(),
    }
}

fn memory(source: &Source<'_>, out: &mut JsonMap) {
    let lines = source.lines("/proc/meminfo");
    let mb = |key: &str| -> Option<i64> {
        let rest = lines.iter().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
        rest.split_whitespace().next()?.parse::<i64>().ok().map(|kb| kb / 1024)
    };
    if lines.is_empty() {
        return;
    }
    for (fact, key) in [
        ("memtotal_mb", "MemTotal"),
        ("memfree_mb", "MemFree"),
        ("swaptotal_mb", "SwapTotal"),
        ("swapfree_mb", "SwapFree"),
    ] {
        if let Some(value) = mb(key) {
            out.insert(fact.into(), value.into());
        }
    }
    let (total, free) = (mb("MemTotal"), mb("MemFree"));
    let cached = (|| Some(mb("Cached")? + free? + mb("Buffers")?))();
    let (swap_total, swap_free) = (mb("SwapTotal"), mb("SwapFree"));
    let minus = |a: Option<i64>, b: Option<i64>| Some(a? - b?);
    out.insert(
        "memory_mb".into(),
        json!({
            "real": {"total": total, "used": minus(total, free), "free": free},
            "nocache": {"free": cached, "used": minus(total, cached)},
            "swap": {
                "total": swap_total, "free": swap_free,
                "used": minus(swap_total, swap_free), "cached": mb("SwapCached"),
            },
        }),
    );
}

/// Rounds half to even, as Python does.
fn round(value: f64) -> i64 {
    let floor = value.floor();
    let up = match value - floor {
        d if d > 0.5 => true,
        d if d < 0.5 => false,
        _ => floor as i64 % 2 != 0,
    };
    floor as i64 + i64::from(up)
}

fn processors(source: &Source<'_>, out: &mut JsonMap) {
    let text = source.text("/proc/cpuinfo").unwrap_or_default();
    if text.is_empty() {
        return;
    }
    let mut names: Vec<Json> = Vec::new();
    let (mut vendors, mut models, mut processors) = (0_i64, 0_i64, 0_i64);
    // Sockets and cores in the order in which they come, with the counts that each one says.
    let mut sockets: Vec<(String, i64)> = Vec::new();
    let mut cores: Vec<(String, i64)> = Vec::new();
    let (mut socket, mut core) = (String::from("0"), String::from("0"));
    let mut count = 0_i64;
    let mut flags = None;
    let put = |list: &mut Vec<(String, i64)>, key: &str, value: Option<i64>| {
        let value_or = value.unwrap_or(1);
        match list.iter_mut().find(|(k, _)| k == key) {
            Some(entry) if value.is_some() => entry.1 = value_or,
            Some(_) => {}
            None => list.push((key.to_owned(), value_or)),
        }
    };
    for line in text.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        match key {
            "flags" => flags = Some(value),
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                names.push(value.into());
                count += 1;
                vendors += i64::from(key == "vendor_id");
                models += i64::from(key == "model name");
                processors += i64::from(key == "processor");
            }
            "physical id" => {
                socket = value.to_owned();
                put(&mut sockets, &socket, None);
            }
            "core id" => {
                core = value.to_owned();
                if !sockets.iter().any(|(k, _)| *k == core) {
                    put(&mut cores, &core, Some(1));
                }
            }
            "cpu cores" => put(&mut sockets, &socket, value.parse().ok()),
            "siblings" => put(&mut cores, &core, value.parse().ok()),
            "ncpus active" => count = value.parse().unwrap_or(count),
            _ => {}
        }
    }
    if vendors > 0 && vendors == models {
        count = vendors;
    }
    let architecture = source.fact("architecture");
    if ["armv", "aarch", "ppc"].iter().any(|p| architecture.starts_with(p)) {
        count = processors;
    }
    if let Some(flags) = flags {
        out.insert("flags".into(), flags.split_whitespace().map(Json::from).collect());
    }
    let is_xen = source.exists("/proc/xen") || source.text("/sys/hypervisor/type").as_deref() == Some("xen");
    let paravirtual = is_xen && flags.is_some_and(|f| !f.contains("vme"));
    out.insert("processor".into(), Json::Array(names));
    let (sockets_count, per_socket, threads) = if paravirtual {
        (count, count, 1)
    } else {
        let per_socket = sockets.first().map(|s| s.1).filter(|n| *n != 0).unwrap_or(1);
        let siblings = cores.first().map_or(1, |c| c.1);
        let sockets_count = if sockets.is_empty() { count } else { sockets.len() as i64 };
        (sockets_count, per_socket, round(siblings as f64 / per_socket as f64))
    };
    out.insert("processor_count".into(), sockets_count.into());
    out.insert("processor_cores".into(), per_socket.into());
    out.insert("processor_threads_per_core".into(), threads.into());
    let virtual_ones = if paravirtual { count } else { threads * sockets_count * per_socket };
    out.insert("processor_vcpus".into(), virtual_ones.into());
    out.insert("processor_nproc".into(), source.machine.processors.into());
}

const FORM_FACTORS: &[&str] = &[
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

fn firmware(source: &Source<'_>, out: &mut JsonMap) {
    for (fact, file) in [
        ("bios_date", "bios_date"),
        ("bios_vendor", "bios_vendor"),
        ("bios_version", "bios_version"),
        ("board_asset_tag", "board_asset_tag"),
        ("board_name", "board_name"),
        ("board_serial", "board_serial"),
        ("board_vendor", "board_vendor"),
        ("board_version", "board_version"),
        ("chassis_asset_tag", "chassis_asset_tag"),
        ("chassis_serial", "chassis_serial"),
        ("chassis_vendor", "chassis_vendor"),
        ("chassis_version", "chassis_version"),
        ("form_factor", "chassis_type"),
        ("product_name", "product_name"),
        ("product_serial", "product_serial"),
        ("product_uuid", "product_uuid"),
        ("product_version", "product_version"),
        ("system_vendor", "sys_vendor"),
    ] {
        let text = source.text(&format!("/sys/devices/virtual/dmi/id/{file}"));
        let value = match (fact, text) {
            (_, None) => "NA".to_owned(),
            ("form_factor", Some(number)) => {
                match number.parse::<usize>().ok().and_then(|n| FORM_FACTORS.get(n)) {
                    Some(name) => (*name).to_owned(),
                    None => format!("unknown ({number})"),
                }
            }
            (_, Some(text)) => text,
        };
        out.insert(fact.into(), value.into());
    }
}
