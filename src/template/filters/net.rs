//! Hardware addresses, lists of VLANs and other small filters of ansible.utils and ansible.netcommon.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("hwaddr", &["query", "alias"], hwaddr),
    Filter::new("macaddr", &["query"], hwaddr),
    Filter::new("get_path", &["path!", "wantlist"], |it, b| {
        let path = b.str_or(it, 0, "")?;
        let mut value = b.value.clone();
        for part in path.replace('[', ".").replace(['\'', '"', ']'], "").split('.').filter(|p| !p.is_empty())
        {
            let key = part.parse().map_or_else(|_| Val::from(part), Val::Int);
            value = it.item(&value, &key)?;
        }
        let as_list = b.flag(it, 1, false)?;
        Ok(if as_list && !value.is_seq() { Val::list(vec![value]) } else { value })
    }),
    Filter::new("vlan_parser", &["first_line_len", "other_line_len"], |it, b| {
        let mut vlans = Vec::new();
        for item in it.items(&b.value)? {
            let text = it.str(&item)?;
            vlans.push(text.parse::<i64>().map_err(|_| failed(format!("{text} is no VLAN")))?);
        }
        vlans.sort_unstable();
        vlans.dedup();
        let mut parts: Vec<String> = Vec::new();
        let mut at = 0;
        while at < vlans.len() {
            let mut end = at;
            while end + 1 < vlans.len() && vlans[end + 1] == vlans[end] + 1 {
                end += 1;
            }
            match end - at {
                0 => parts.push(vlans[at].to_string()),
                1 => parts.extend([vlans[at].to_string(), vlans[end].to_string()]),
                _ => parts.push(format!("{}-{}", vlans[at], vlans[end])),
            }
            at = end + 1;
        }
        Ok(Val::list(vec![Val::from(parts.join(","))]))
    }),
];

fn hwaddr(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let wanted = b.str_or(it, 0, "")?;
    let digits: String = text.chars().filter(|c| !":-.".contains(*c)).collect::<String>().to_lowercase();
    if digits.len() != 12 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return if wanted.is_empty() || wanted == "bool" {
            Ok(Val::Bool(false))
        } else {
            Err(failed(format!("hwaddr: not a hardware address: {text}")))
        };
    }
    let grouped = |size: usize, sep: &str| {
        let parts: Vec<&str> = (0..12 / size).map(|i| &digits[i * size..(i + 1) * size]).collect();
        parts.join(sep)
    };
    Ok(Val::from(match wanted.as_str() {
        "" => text,
        "bool" => return Ok(Val::Bool(true)),
        "bare" => digits.to_uppercase(),
        "cisco" => grouped(4, "."),
        "int" => return Ok(Val::Int(i64::from_str_radix(&digits, 16).unwrap_or(0))),
        "linux" | "unix" => grouped(2, ":"),
        "pgsql" | "postgresql" | "psql" => grouped(6, ":"),
        "win" | "eui48" => grouped(2, "-").to_uppercase(),
        other => return Err(failed(format!("hwaddr: unknown filter type: {other}"))),
    }))
}
