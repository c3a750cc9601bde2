//! Block devices and logical volumes.

use super::source::Source;
use serde_json::json;
use std::collections::BTreeMap;
use windlass_protocol::{Json, JsonMap};

type Links = BTreeMap<String, Vec<String>>;

/// Links under a folder of `/dev/disk`, by the device that they point to.
fn links_of(source: &Source<'_>, folder: &str) -> Links {
    let mut out = Links::new();
    for name in source.list(folder) {
        if let Some(target) = source.link_name(&format!("{folder}/{name}")) {
            out.entry(target).or_default().push(name);
        }
    }
    out
}

/// A size for people: `1.50 GB`.
pub fn human(bytes: f64) -> String {
    const UNITS: [(&str, i32); 9] = [
        ("YB", 80),
        ("ZB", 70),
        ("EB", 60),
        ("PB", 50),
        ("TB", 40),
        ("GB", 30),
        ("MB", 20),
        ("KB", 10),
        ("Bytes", 0),
    ];
    let found = UNITS.iter().find(|(_, power)| bytes >= 2_f64.powi(*power)).unwrap_or(&UNITS[8]);
    format!("{:.2} {}", bytes / 2_f64.powi(found.1), found.0)
}

/// `devices` and `device_links`.
pub fn devices(source: &Source<'_>, out: &mut JsonMap) {
    let blocks = source.list("/sys/block");
    let mut owners = Links::new();
    for block in &blocks {
        for target in source.list(&format!("/sys/block/{block}/slaves")) {
            owners.entry(target).or_default().push(block.clone());
        }
    }
    let ids = links_of(source, "/dev/disk/by-id");
    let all = [
        ("ids", ids.clone()),
        ("uuids", links_of(source, "/dev/disk/by-uuid")),
        ("labels", links_of(source, "/dev/disk/by-label")),
        ("masters", owners),
    ];
    let links_for = |name: &str| -> Json {
        all.iter()
            .map(|(kind, links)| ((*kind).to_owned(), json!(links.get(name).cloned().unwrap_or_default())))
            .collect::<JsonMap>()
            .into()
    };
    let mut found = JsonMap::new();
    for block in &blocks {
        found.insert(block.clone(), device(source, block, &all[1].1, &ids, &links_for));
    }
    let links: JsonMap = all.iter().map(|(kind, links)| ((*kind).to_owned(), json!(links))).collect();
    out.insert("device_links".into(), Json::Object(links));
    out.insert("devices".into(), Json::Object(found));
}

fn device(
    source: &Source<'_>,
    name: &str,
    uuids: &Links,
    ids: &Links,
    links_for: &dyn Fn(&str) -> Json,
) -> Json {
    let folder = format!("/sys/block/{name}");
    let read = |file: &str| source.text(&format!("{folder}/{file}"));
    let sector = read("queue/logical_block_size").or_else(|| read("queue/hw_sector_size"));
    let (sectors, size) = measure(read("size"), sector.as_deref());
    let scheduler = read("queue/scheduler").unwrap_or_default();
    let scheduler = scheduler.split_once('[').and_then(|(_, r)| r.split_once(']')).map_or("", |(s, _)| s);
    let discard = match read("queue/discard_max_hw_bytes").as_deref() {
        Some("0") => Some("0".to_owned()),
        _ => read("queue/discard_granularity"),
    };
    let mut out = json!({
        "virtual": 1,
        "links": links_for(name),
        "vendor": read("device/vendor"),
        "model": read("device/model"),
        "sas_address": read("device/sas_address"),
        "sas_device_handle": read("device/sas_device_handle"),
        "removable": read("removable"),
        "support_discard": discard,
        "partitions": partitions(source, name, uuids, links_for),
        "rotational": read("queue/rotational"),
        "scheduler_mode": scheduler,
        "sectorsize": sector.map_or_else(|| json!(512), Json::from),
        "sectors": sectors,
        "size": size,
        "host": "",
        "holders": holders(source, &folder),
    });
    if let Some(map) = out.as_object_mut() {
        if let Some(serial) = read("device/serial") {
            map.insert("serial".into(), serial.into());
        }
        let wwn = ids.get(name).and_then(|list| list.iter().find_map(|l| l.strip_prefix("wwn-")));
        if let Some(wwn) = wwn {
            map.insert("wwn".into(), wwn.into());
        }
    }
    out
}

/// Number of sectors of the device's own size, and the size for people. The kernel counts in 512 bytes.
fn measure(size: Option<String>, sector: Option<&str>) -> (i64, String) {
    let sector = sector.and_then(|s| s.parse::<i64>().ok()).filter(|s| *s > 0).unwrap_or(512);
    let sectors = size.and_then(|s| s.parse::<i64>().ok()).unwrap_or(0) * 512 / sector;
    (sectors, human(sectors as f64 * sector as f64))
}

fn partitions(source: &Source<'_>, disk: &str, uuids: &Links, links_for: &dyn Fn(&str) -> Json) -> Json {
    let mut out = JsonMap::new();
    for name in source.list(&format!("/sys/block/{disk}")) {
        let Some(rest) = name.strip_prefix(disk) else { continue };
        let number = rest.strip_prefix('p').unwrap_or(rest);
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
            continue;
        }
        let folder = format!("/sys/block/{disk}/{name}");
        let read = |file: &str| source.text(&format!("{folder}/{file}"));
        let sector = read("queue/logical_block_size").or_else(|| read("queue/hw_sector_size"));
        let (sectors, size) = measure(read("size"), sector.as_deref());
        let part = json!({
            "links": links_for(&name),
            "start": read("start").map_or_else(|| json!(0), Json::from),
            "sectorsize": sector.map_or_else(|| json!(512), Json::from),
            "sectors": sectors,
            "size": size,
            "uuid": uuids.get(&name).and_then(|l| l.first()),
            "holders": holders(source, &folder),
        });
        out.insert(name, part);
    }
    Json::Object(out)
}

fn holders(source: &Source<'_>, folder: &str) -> Vec<String> {
    let names = source.list(&format!("{folder}/holders"));
    let mapped = names.into_iter().filter(|n| n.starts_with("dm-"));
    mapped.map(|n| source.text(&format!("{folder}/holders/{n}/dm/name")).unwrap_or(n)).collect()
}

/// `lvm`: volume groups, logical and physical volumes, for root and where the tools are.
pub fn volumes(source: &Source<'_>, out: &mut JsonMap) {
    let tool = source.sys.find_program("vgs");
    let (Some(vgs), true) = (tool, source.sys.euid() == 0) else {
        out.insert("lvm".into(), "N/A".into());
        return;
    };
    let rows = |program: Option<String>| -> Vec<Vec<String>> {
        let Some(program) = program else { return Vec::new() };
        let text = source
            .query(&[&program, "--noheadings", "--nosuffix", "--units", "g", "--separator", ","])
            .unwrap_or_default();
        text.lines().map(|l| l.trim().split(',').map(str::to_owned).collect()).collect()
    };
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let (mut groups, mut logical, mut physical) = (JsonMap::new(), JsonMap::new(), JsonMap::new());
    for row in rows(Some(vgs)).iter().filter(|r| r.len() > 4) {
        let (size, free) = (cell(row, row.len() - 2), cell(row, row.len() - 1));
        let value = json!({"size_g": size, "free_g": free, "num_lvs": row[2], "num_pvs": row[1]});
        groups.insert(row[0].clone(), value);
    }
    for row in rows(source.sys.find_program("lvs")).iter().filter(|r| r.len() > 3) {
        logical.insert(row[0].clone(), json!({"size_g": row[3], "vg": row[1]}));
    }
    for row in rows(source.sys.find_program("pvs")).iter().filter(|r| r.len() > 5) {
        let name = match row[0].strip_prefix("/dev/") {
            Some(dm) if dm.starts_with("dm-") => source
                .text(&format!("/sys/block/{dm}/dm/name"))
                .map_or_else(|| row[0].clone(), |n| format!("/dev/mapper/{n}")),
            _ => row[0].clone(),
        };
        physical.insert(name, json!({"size_g": row[4], "free_g": row[5], "vg": row[1]}));
    }
    out.insert("lvm".into(), json!({"lvs": logical, "vgs": groups, "pvs": physical}));
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(human(0.0), "0.00 Bytes");
        assert_eq!(human(1536.0), "1.50 KB");
        assert_eq!(human(274_877_906_944.0), "256.00 GB");
    }
}
