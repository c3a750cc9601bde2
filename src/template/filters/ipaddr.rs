//! Addresses and networks: the `ipaddr` family of ansible.utils.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("ipaddr", &["query", "version", "alias"], |it, b| {
        let version = b.int(1)?;
        family(it, b, version)
    }),
    Filter::new("ipv4", &["query"], |it, b| family(it, b, Some(4))),
    Filter::new("ipv6", &["query"], |it, b| family(it, b, Some(6))),
    Filter::new("ipwrap", &["query", "version"], |it, b| {
        let value = family(it, b, None)?;
        match value.as_str() {
            Some(text) if text.contains(':') => {
                let (host, prefix) = text.split_once('/').map_or((text, None), |(h, p)| (h, Some(p)));
                let prefix = prefix.map(|p| format!("/{p}")).unwrap_or_default();
                Ok(Val::from(format!("[{host}]{prefix}")))
            }
            Some(_) => Ok(value),
            None => Ok(b.value.clone()),
        }
    }),
    Filter::new("ipsubnet", &["query", "index"], subnet),
    Filter::new("ipmath", &["amount!"], |it, b| {
        let text = b.text(it)?;
        let amount = b.int(0)?.unwrap_or(0);
        let Some(net) = Net::parse(&text) else {
            return Err(failed(format!("You must pass a valid IP address; {text} is invalid")));
        };
        match net.offset_from(net.bits, amount) {
            Some(address) => Ok(Val::from(address.to_string())),
            None => Err(failed("the address lies outside of its family")),
        }
    }),
    Filter::new("next_nth_usable", &["offset!"], |it, b| nth_usable(it, b, 1)),
    Filter::new("previous_nth_usable", &["offset!"], |it, b| nth_usable(it, b, -1)),
    Filter::new("nthhost", &["query"], |it, b| {
        let text = b.text(it)?;
        let nth = b.int(0)?.unwrap_or(0);
        let found = Net::parse(&text).and_then(|net| net.nth(nth));
        Ok(found.map_or(Val::Bool(false), |a| Val::from(a.to_string())))
    }),
    Filter::new("network_in_network", &["test!"], |it, b| {
        let (outer, inner) = (Net::parse(&b.text(it)?), Net::parse(&b.str_or(it, 0, "")?));
        Ok(Val::Bool(matches!((outer, inner), (Some(outer), Some(inner)) if outer.contains(&inner))))
    }),
    Filter::new("network_in_usable", &["test!"], |it, b| {
        let (outer, inner) = (Net::parse(&b.text(it)?), Net::parse(&b.str_or(it, 0, "")?));
        let inside = |outer: &Net, inner: &Net| {
            let (first, last) = outer.usable();
            inner.v6 == outer.v6 && inner.first() >= first && inner.last() <= last
        };
        Ok(Val::Bool(matches!((outer, inner), (Some(outer), Some(inner)) if inside(&outer, &inner))))
    }),
    Filter::new("ip4_hex", &["delimiter"], |it, b| {
        let text = b.text(it)?;
        let delimiter = b.str_or(it, 0, "")?;
        let address: Ipv4Addr = text.parse().map_err(|_| failed(format!("{text} is no IPv4 address")))?;
        let parts: Vec<String> = address.octets().iter().map(|o| format!("{o:02x}")).collect();
        Ok(Val::from(parts.join(&delimiter)))
    }),
];

/// An address with the length of its network's prefix.
#[derive(Clone)]
pub(super) struct Net {
    bits: u128,
    prefix: u32,
    v6: bool,
    /// A prefix was written.
    explicit: bool,
}

impl Net {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (host, prefix) = text.split_once('/').map_or((text, None), |(h, p)| (h, Some(p)));
        let address: IpAddr = host.parse().ok()?;
        let (bits, v6) = match address {
            IpAddr::V4(a) => (u128::from(u32::from(a)), false),
            IpAddr::V6(a) => (u128::from(a), true),
        };
        let width = if v6 { 128 } else { 32 };
        let length = match prefix {
            None => width,
            Some(p) => match p.parse::<u32>() {
                Ok(n) if n <= width => n,
                Ok(_) => return None,
                Err(_) => {
                    let mask = u32::from(p.parse::<Ipv4Addr>().ok()?);
                    // A netmask, or a host mask turned around.
                    let mask = if mask.leading_ones() == 0 { !mask } else { mask };
                    if mask.leading_ones() + mask.trailing_zeros() < 32 {
                        return None;
                    }
                    mask.leading_ones()
                }
            },
        };
        Some(Self { bits, prefix: length, v6, explicit: prefix.is_some() })
    }
    fn width(&self) -> u32 {
        if self.v6 { 128 } else { 32 }
    }
    fn host_mask(&self) -> u128 {
        let host = self.width() - self.prefix;
        if host == 128 { u128::MAX } else { (1_u128 << host) - 1 }
    }
    fn first(&self) -> u128 {
        self.bits & !self.host_mask()
    }
    fn last(&self) -> u128 {
        self.bits | self.host_mask()
    }
    fn address(&self, bits: u128) -> IpAddr {
        if self.v6 { IpAddr::V6(Ipv6Addr::from(bits)) } else { IpAddr::V4(Ipv4Addr::from(bits as u32)) }
    }
    fn contains(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && self.prefix <= other.prefix
            && other.first() & !self.host_mask() == self.first()
    }
    fn size(&self) -> u128 {
        self.host_mask().saturating_add(1)
    }
    fn usable(&self) -> (u128, u128) {
        if self.width() - self.prefix <= 1 {
            (self.first(), self.last())
        } else {
            (self.first() + 1, self.last() - 1)
        }
    }
    fn offset_from(&self, from: u128, by: i64) -> Option<IpAddr> {
        let bits = if by < 0 {
            from.checked_sub(u128::from(by.unsigned_abs()))?
        } else {
            from.checked_add(by as u128)?
        };
        (self.v6 || bits <= u128::from(u32::MAX)).then(|| self.address(bits))
    }
    fn nth(&self, n: i64) -> Option<IpAddr> {
        let address = if n < 0 {
            self.last().checked_sub(u128::from(n.unsigned_abs()) - 1)?
        } else {
            self.first().checked_add(n as u128)?
        };
        (address >= self.first() && address <= self.last()).then(|| self.address(address))
    }
    fn is_host(&self) -> bool {
        self.prefix == self.width()
    }
}

fn family(it: &mut Interp<'_>, b: &mut Bound, version: Option<i64>) -> R {
    if b.value.is_seq() {
        let mut out = Vec::new();
        for item in it.items(&b.value)? {
            let found = query(it, &item, &b.val(0), version)?;
            if !matches!(found, Val::Bool(false) | Val::None) {
                out.push(found);
            }
        }
        return Ok(Val::list(out));
    }
    let (value, wanted) = (b.value.clone(), b.val(0));
    query(it, &value, &wanted, version)
}

fn query(it: &mut Interp<'_>, value: &Val, wanted: &Val, version: Option<i64>) -> R {
    let no = Ok(Val::Bool(false));
    let text = match value {
        Val::Bool(_) | Val::None => return no,
        other => it.str(other)?,
    };
    let Some(net) = Net::parse(&text) else { return no };
    if matches!((version, net.v6), (Some(4), true) | (Some(6), false)) {
        return no;
    }
    let ip = |bits: u128| Val::from(net.address(bits).to_string());
    let with_prefix = |bits: u128| Val::from(format!("{}/{}", net.address(bits), net.prefix));
    let mask =
        || net.address(if net.v6 { !net.host_mask() } else { !net.host_mask() & u128::from(u32::MAX) });
    if let Some(n) = wanted.as_int() {
        return Ok(net.nth(n).map_or(Val::Bool(false), |a| Val::from(format!("{a}/{}", net.prefix))));
    }
    let name = match wanted {
        Val::None => String::new(),
        other => it.str(other)?,
    };
    let is_network = net.bits == net.first() && !net.is_host();
    Ok(match name.as_str() {
        "" => Val::from(text.trim()),
        "address" | "ip" => {
            if is_network && net.explicit && name == "address" && net.width() - net.prefix > 1 {
                Val::None
            } else {
                ip(net.bits)
            }
        }
        "host" => with_prefix(net.bits),
        "host/prefix" | "ip/prefix" | "address/prefix" => with_prefix(net.bits),
        "net" | "subnet_net" => {
            if is_network {
                with_prefix(net.first())
            } else {
                Val::Bool(false)
            }
        }
        "subnet" => with_prefix(net.first()),
        "network" | "network_id" => ip(net.first()),
        "network/prefix" => with_prefix(net.first()),
        "netmask" => Val::from(mask().to_string()),
        "network_netmask" => Val::from(format!("{} {}", net.address(net.first()), mask())),
        "address_netmask" | "ip_netmask" | "ip/netmask" | "address/netmask" => Val::from(format!(
            "{}{}{}",
            net.address(net.bits),
            if name.contains('/') { "/" } else { " " },
            mask()
        )),
        "network_wildcard" => {
            Val::from(format!("{} {}", net.address(net.first()), net.address(net.host_mask())))
        }
        "wildcard" | "hostmask" => ip(net.host_mask()),
        "prefix" => Val::Int(i64::from(net.prefix)),
        "broadcast" => {
            if net.width() - net.prefix > 1 {
                ip(net.last())
            } else {
                Val::None
            }
        }
        "size" => Val::Int(i64::try_from(net.size()).unwrap_or(i64::MAX)),
        "size_usable" => {
            let (first, last) = net.usable();
            Val::Int(i64::try_from((last - first).saturating_add(1)).unwrap_or(i64::MAX))
        }
        "range_usable" => {
            let (first, last) = net.usable();
            Val::from(format!("{}-{}", net.address(first), net.address(last)))
        }
        "first_usable" => ip(net.usable().0),
        "last_usable" => ip(net.usable().1),
        "next_usable" => {
            let (first, last) = net.usable();
            match net.bits.checked_add(1) {
                Some(next) if next >= first && net.bits < last => ip(next),
                Some(_) => Val::None,
                // What comes behind the last address of all.
                None => {
                    let number = "340282366920938463463374607431768211456";
                    return Err(failed(format!("failed to detect a valid IP address from {number}")));
                }
            }
        }
        "previous_usable" => {
            let (first, last) = net.usable();
            if net.bits > first && net.bits <= last.saturating_add(1) { ip(net.bits - 1) } else { Val::None }
        }
        "peer" => {
            if net.width() - net.prefix == 1 {
                ip(net.bits ^ 1)
            } else if net.width() - net.prefix == 2 && !matches!(net.bits & 3, 0 | 3) {
                ip(net.bits ^ 3)
            } else {
                return Err(failed("peer IP addresses can be only got from /30 and /31 networks"));
            }
        }
        "version" => Val::Int(if net.v6 { 6 } else { 4 }),
        "type" => Val::from(if is_network { "network" } else { "address" }),
        "int" => match i64::try_from(net.bits) {
            Ok(i) => Val::Int(i),
            Err(_) => Val::from(net.bits.to_string()),
        },
        "bool" => Val::Bool(true),
        "revdns" => Val::from(reverse(&net)),
        "private" | "public" | "loopback" | "multicast" | "link-local" | "lla" | "unicast" => {
            let holds = match name.as_str() {
                "private" => is_private(&net),
                "public" => {
                    !is_private(&net)
                        && !special(&net, "loopback")
                        && !special(&net, "multicast")
                        && !special(&net, "link-local")
                }
                "unicast" => !special(&net, "multicast"),
                "lla" => special(&net, "link-local"),
                other => special(&net, other),
            };
            if holds { Val::from(text.trim()) } else { Val::Bool(false) }
        }
        "6to4" | "hwaddr" | "cisco" => Val::Bool(false),
        other => match Net::parse(other) {
            Some(outer) if outer.contains(&net) => Val::from(text.trim()),
            Some(_) => Val::Bool(false),
            None => return Err(failed(format!("ipaddr: unknown filter type: {other}"))),
        },
    })
}

fn reverse(net: &Net) -> String {
    match net.address(net.bits) {
        IpAddr::V4(a) => {
            let [a, b, c, d] = a.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(a) => {
            let nibbles: Vec<String> = a
                .octets()
                .iter()
                .rev()
                .flat_map(|o| [format!("{:x}", o & 15), format!("{:x}", o >> 4)])
                .collect();
            format!("{}.ip6.arpa.", nibbles.join("."))
        }
    }
}

fn is_private(net: &Net) -> bool {
    match net.address(net.bits) {
        IpAddr::V4(a) => a.is_private(),
        IpAddr::V6(a) => a.segments()[0] & 0xfe00 == 0xfc00,
    }
}

fn special(net: &Net, kind: &str) -> bool {
    match (net.address(net.bits), kind) {
        (a, "loopback") => a.is_loopback(),
        (a, "multicast") => a.is_multicast(),
        (IpAddr::V4(a), _) => a.is_link_local(),
        (IpAddr::V6(a), _) => a.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn nth_usable(it: &mut Interp<'_>, b: &mut Bound, direction: i64) -> R {
    let text = b.text(it)?;
    let offset = b.int(0)?.unwrap_or(0).saturating_mul(direction);
    let Some(net) = Net::parse(&text) else { return Ok(Val::Bool(false)) };
    let (first, last) = net.usable();
    let moved = if offset < 0 {
        net.bits.checked_sub(u128::from(offset.unsigned_abs()))
    } else {
        net.bits.checked_add(offset as u128)
    };
    Ok(match moved {
        Some(bits) if bits >= first && bits <= last => Val::from(net.address(bits).to_string()),
        _ => Val::Bool(false),
    })
}

fn subnet(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let Some(net) = Net::parse(&text) else { return Ok(Val::Bool(false)) };
    let wanted = b.str_or(it, 0, "")?;
    if wanted.is_empty() {
        return Ok(Val::from(format!("{}/{}", net.address(net.first()), net.prefix)));
    }
    let index = b.int(1)?;
    let Ok(prefix) = wanted.parse::<u32>() else {
        let Some(outer) = Net::parse(&wanted) else { return Ok(Val::Bool(false)) };
        if !outer.contains(&net) {
            return Err(failed(format!("{text} is not in the subnet {wanted}")));
        }
        // Which of the outer network's subnets this one is, counted from one.
        let number = (net.first() - outer.first()) / net.size() + 1;
        return Ok(Val::from(number.to_string()));
    };
    if prefix > net.width() {
        return Ok(Val::Bool(false));
    }
    if prefix < net.prefix {
        let outer = Net { prefix, ..net.clone() };
        return Ok(match index {
            None => Val::from(format!("{}/{prefix}", net.address(outer.first()))),
            Some(index) => {
                let length = i64::from(net.prefix) - index.max(0) - 1;
                match u32::try_from(length) {
                    Ok(length) if length >= prefix => {
                        let net = Net { prefix: length, ..net };
                        Val::from(format!("{}/{length}", net.address(net.first())))
                    }
                    _ => Val::Bool(false),
                }
            }
        });
    }
    let steps = prefix - net.prefix;
    let count = if steps >= 127 { u128::MAX } else { 1_u128 << steps };
    let Some(index) = index else { return Ok(Val::from(count.to_string())) };
    let at =
        if index < 0 { count.checked_sub(u128::from(index.unsigned_abs())) } else { Some(index as u128) };
    Ok(match at {
        Some(at) if at < count => {
            let size = Net { prefix, ..net.clone() }.size();
            Val::from(format!("{}/{prefix}", net.address(net.first() + at * size)))
        }
        _ => Val::Bool(false),
    })
}
