//! Settings of a guest as an operator wants them, beside those that it has.

use crate::proxmox::Form;
use crate::proxmox::property::Properties;
use windlass_protocol::{Json, JsonMap};

/// How two values of a setting are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Like {
    /// As texts.
    Text,
    /// As numbers.
    Number,
    /// As booleans; what is not set is false.
    Flag,
    /// As lists of words, in their order.
    Words,
    /// As sets of tags.
    Tags,
    /// As notes: the server puts a line break at the end.
    Note,
    /// Key by key; the value that stands alone has this key.
    Properties(&'static str),
    /// As the interface of a container; its hardware address is kept.
    Network,
    /// As the interface of a virtual machine; its hardware address is kept.
    Card,
    /// As a disk of a virtual machine; one that is there is compared by [`super::drive`].
    Drive,
    /// The same, as the disk of firmware or TPM, whose size the server knows best.
    Firmware,
    /// As keys that the server hands back with `%` codes in them.
    Keys,
    /// The server does not tell it: it is not compared once it is set.
    Hidden,
    /// No setting, but a word to the server that goes along.
    Along,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) name: String,
    /// Its values: several of them are a repeated field.
    pub(super) values: Vec<String>,
    pub(super) like: Like,
}

impl Wish {
    pub(super) fn new(name: &str, value: impl ToString, like: Like) -> Self {
        Self { name: name.to_owned(), values: vec![value.to_string()], like }
    }

    pub(super) fn text(&self) -> String {
        self.values.join(",")
    }

    /// Whether the guest has another value.
    pub(super) fn differs(&self, current: &JsonMap) -> bool {
        let want = self.text();
        let Some(have) = current.get(&self.name).map(plain) else {
            return match self.like {
                Like::Flag => want != "0",
                Like::Along => false,
                // Nothing where nothing is set.
                _ => !want.is_empty(),
            };
        };
        match self.like {
            Like::Text | Like::Drive | Like::Firmware => want != have,
            Like::Number => match (want.parse::<f64>(), have.parse::<f64>()) {
                (Ok(want), Ok(have)) => (want - have).abs() > f64::EPSILON,
                _ => want != have,
            },
            Like::Flag => (want != "0") != (have != "0"),
            Like::Words => words(&want) != words(&have),
            Like::Tags => tags(&want) != tags(&have),
            Like::Note => want.trim_end() != have.trim_end(),
            Like::Properties(default) => !Properties::parse(&want).within(&Properties::parse(&have), default),
            Like::Network => !Properties::parse(&want).within(&Properties::parse(&have), "name"),
            Like::Card => card_differs(&want, &have),
            Like::Keys => keys(&want) != keys(&have),
            Like::Hidden | Like::Along => false,
        }
    }

    /// The fields that set it. An interface keeps the hardware address that it has.
    pub(super) fn fields(&self, current: &JsonMap) -> Form {
        let have = current.get(&self.name).map(plain).unwrap_or_default();
        let value = match self.like {
            Like::Network => {
                let mut want = Properties::parse(&self.text());
                let have = Properties::parse(&have);
                if let (None, Some(address)) = (want.get("hwaddr", ""), have.get("hwaddr", "")) {
                    want.set("hwaddr", address);
                    want.to_string()
                } else {
                    self.text()
                }
            }
            Like::Card => with_address(&self.text(), &have),
            _ => return self.values.iter().map(|v| (self.name.clone(), v.clone())).collect(),
        };
        vec![(self.name.clone(), value)]
    }

    /// Its value as a diff shows it.
    pub(super) fn shown(&self, current: &JsonMap) -> Json {
        if self.like == Like::Tags {
            return self.text().replace(',', ";").into();
        }
        Json::from(self.fields(current).into_iter().map(|(_, v)| v).collect::<Vec<_>>().join(","))
    }
}

/// What has to change: the fields to send, and the configuration as it will be.
pub(super) fn differences(wishes: &[Wish], current: &JsonMap) -> (Form, JsonMap) {
    let mut after = current.clone();
    let mut form = Form::new();
    for wish in wishes.iter().filter(|wish| wish.differs(current)) {
        // The server has no empty list of tags.
        if wish.like == Like::Tags && wish.text().is_empty() {
            form.push(("delete".to_owned(), wish.name.clone()));
            after.shift_remove(&wish.name);
            continue;
        }
        form.extend(wish.fields(current));
        let shown = wish.shown(current);
        // Numbers stay numbers, so that a diff has no line for a difference of form.
        let shown = match (current.get(&wish.name), shown.as_str().map(str::parse::<i64>)) {
            (Some(Json::Number(_)) | None, Some(Ok(number))) => Json::from(number),
            _ => shown,
        };
        after.insert(wish.name.clone(), shown);
    }
    if !form.is_empty() {
        let along = wishes.iter().filter(|w| matches!(w.like, Like::Along | Like::Hidden));
        for wish in along.filter(|w| !w.differs(current)) {
            form.extend(wish.fields(current));
        }
    }
    (form, after)
}

/// A value of a configuration as text.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(flag) => u8::from(*flag).to_string(),
        other => other.to_string(),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect()
}

fn tags(text: &str) -> std::collections::BTreeSet<String> {
    words(text).into_iter().map(str::to_lowercase).collect()
}

/// Keys, one to a line, decoded.
fn keys(text: &str) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, code.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The model of a card, and its address if it has one: `virtio=BC:24:...` or `virtio`.
fn model(card: &Properties) -> Option<(String, Option<String>)> {
    if let Some(bare) = card.bare() {
        return Some((bare.to_owned(), None));
    }
    if let Some(model) = card.get("model", "") {
        return Some((model.to_owned(), card.get("macaddr", "").map(str::to_owned)));
    }
    card.iter("")
        .next()
        .filter(|(_, address)| address.split(':').count() == 6)
        .map(|(k, v)| (k.to_owned(), Some(v.to_owned())))
}

fn card_differs(want: &str, have: &str) -> bool {
    let (wanted, found) = (Properties::parse(want), Properties::parse(have));
    let (Some((model_w, address_w)), Some((model_h, address_h))) = (model(&wanted), model(&found)) else {
        return want != have;
    };
    if model_w != model_h {
        return true;
    }
    if let (Some(a), Some(b)) = (address_w, address_h)
        && !a.eq_ignore_ascii_case(&b)
    {
        return true;
    }
    let rest = |card: &Properties| {
        let parts = card.iter("model").filter(|(k, _)| ![model_w.as_str(), "model", "macaddr"].contains(k));
        Properties::parse(&parts.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(","))
    };
    !rest(&wanted).within(&rest(&found), "")
}

/// A card's text with the address of the card that is there.
fn with_address(want: &str, have: &str) -> String {
    let (wanted, found) = (Properties::parse(want), Properties::parse(have));
    match (model(&wanted), model(&found)) {
        (Some((name, None)), Some((_, Some(address)))) if wanted.bare().is_some() => {
            let rest: Vec<String> =
                wanted.iter("").filter(|(k, _)| !k.is_empty()).map(|(k, v)| format!("{k}={v}")).collect();
            std::iter::once(format!("{name}={address}")).chain(rest).collect::<Vec<_>>().join(",")
        }
        _ => want.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Json) -> JsonMap {
        value.as_object().cloned().unwrap_or_default()
    }

    fn differs(like: Like, want: &str, have: Json) -> bool {
        Wish::new("x", want, like).differs(&map(json!({ "x": have })))
    }

    #[test]
    fn values_that_mean_the_same() {
        assert!(!differs(Like::Number, "2", json!("2.0")));
        assert!(!differs(Like::Number, "512", json!(512)));
        assert!(!differs(Like::Flag, "1", json!(1)));
        assert!(differs(Like::Flag, "0", json!("1")));
        assert!(!differs(Like::Note, "a note", json!("a note\n")));
        assert!(differs(Like::Note, "a note", json!("another\n")));
        assert!(!differs(Like::Words, "1.1.1.1 8.8.8.8", json!("1.1.1.1,8.8.8.8")));
        assert!(!differs(Like::Hidden, "secret", json!("**********")));
        assert!(!differs(Like::Keys, "ssh-ed25519 AAAA a@b\n", json!("ssh-ed25519%20AAAA%20a%40b")));
    }

    #[test]
    fn what_is_not_set_differs_but_for_false() {
        let none = JsonMap::new();
        assert!(!Wish::new("onboot", 0, Like::Flag).differs(&none));
        assert!(Wish::new("onboot", 1, Like::Flag).differs(&none));
        assert!(Wish::new("memory", 512, Like::Number).differs(&none));
    }

    #[test]
    fn tags_are_a_set() {
        let wish = Wish { name: "tags".into(), values: vec!["web".into(), "app".into()], like: Like::Tags };
        assert!(!wish.differs(&map(json!({"tags": "app;web"}))));
        assert!(wish.differs(&map(json!({"tags": "app;web;old"}))));
        let form: Form = [("tags", "web"), ("tags", "app")].map(|(k, v)| (k.into(), v.into())).to_vec();
        assert_eq!(wish.fields(&JsonMap::new()), form);
    }

    #[test]
    fn an_interface_keeps_its_hardware_address() {
        let current = map(json!({
            "net0": "name=eth0,bridge=vmbr0,gw=10.0.0.1,hwaddr=BC:24:11:AA:BB:CC,ip=10.0.0.5/24,type=veth", "memory": 512
        }));
        let same = Wish::new("net0", "name=eth0,bridge=vmbr0,ip=10.0.0.5/24,gw=10.0.0.1", Like::Network);
        let memory = Wish::new("memory", 512, Like::Number);
        assert_eq!(differences(&[same, memory.clone()], &current), (Form::new(), current.clone()));
        let other = Wish::new("net0", "name=eth0,bridge=vmbr0,ip=10.0.0.6/24", Like::Network);
        let (form, after) = differences(&[memory, other], &current);
        let text = "name=eth0,bridge=vmbr0,ip=10.0.0.6/24,hwaddr=BC:24:11:AA:BB:CC";
        assert_eq!(form, [("net0".to_owned(), text.to_owned())]);
        assert_eq!(after.get("net0"), Some(&json!(text)));
        assert_eq!(after.get("memory"), Some(&json!(512)));
    }

    #[test]
    fn a_card_keeps_its_hardware_address() {
        let have = "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1";
        assert!(!differs(Like::Card, "virtio,bridge=vmbr0", json!(have)));
        assert!(!differs(Like::Card, "virtio=bc:24:11:00:00:01", json!(have)));
        assert!(differs(Like::Card, "e1000,bridge=vmbr0", json!(have)));
        assert!(differs(Like::Card, "virtio,bridge=vmbr1", json!(have)));
        assert_eq!(with_address("virtio,bridge=vmbr1", have), "virtio=BC:24:11:00:00:01,bridge=vmbr1");
        assert_eq!(
            with_address("virtio=02:00:00:00:00:01,bridge=vmbr1", have),
            "virtio=02:00:00:00:00:01,bridge=vmbr1"
        );
    }

    #[test]
    fn nothing_where_nothing_is_set_is_no_difference() {
        for like in [Like::Text, Like::Note, Like::Words, Like::Properties(""), Like::Keys, Like::Tags] {
            assert!(!Wish::new("x", "", like).differs(&JsonMap::new()), "{like:?}");
        }
        assert!(Wish::new("x", "", Like::Text).differs(&map(json!({"x": "a"}))));
        assert!(Wish::new("x", "a", Like::Text).differs(&JsonMap::new()));
    }

    #[test]
    fn no_tags_take_the_tags_away() {
        let none = Wish { name: "tags".to_owned(), values: Vec::new(), like: Like::Tags };
        let (form, after) =
            differences(std::slice::from_ref(&none), &map(json!({"tags": "a;b", "memory": 512})));
        assert_eq!(form, [("delete".to_owned(), "tags".to_owned())]);
        assert_eq!(after, map(json!({"memory": 512})));
        assert!(differences(&[none], &map(json!({"memory": 512}))).0.is_empty());
    }
}
