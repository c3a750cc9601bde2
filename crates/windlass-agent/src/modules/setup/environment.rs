//! The user, the environment, the time, the kernel's command line and the SSH host keys.

use super::source::Source;
use serde_json::json;
use windlass_protocol::{Json, JsonMap};

/// Who the agent runs as.
pub fn user(source: &mut Source<'_>) -> JsonMap {
    let (uid, gid) = (source.sys.euid(), source.sys.egid());
    let user = source.sys.user_by_id(uid);
    let mut out = JsonMap::new();
    let (name, gecos, home, shell, group) = match user {
        Some(u) => (u.name, u.gecos, u.home, u.shell, u.gid),
        None => {
            (uid.to_string(), String::new(), source.sys.env("HOME").unwrap_or_default(), String::new(), gid)
        }
    };
    out.insert("user_id".into(), name.into());
    out.insert("user_uid".into(), uid.into());
    out.insert("user_gid".into(), group.into());
    out.insert("user_gecos".into(), gecos.into());
    out.insert("user_dir".into(), home.into());
    out.insert("user_shell".into(), shell.into());
    out.insert("real_user_id".into(), source.machine.uid.into());
    out.insert("effective_user_id".into(), uid.into());
    out.insert("real_group_id".into(), source.machine.gid.into());
    out.insert("effective_group_id".into(), gid.into());
    out
}

/// Environment variables.
pub fn env(source: &mut Source<'_>) -> JsonMap {
    let mut all: JsonMap = source.sys.environment().into_iter().map(|(k, v)| (k, Json::String(v))).collect();
    for (name, value) in source.environment {
        all.insert(name.clone(), Json::String(value.clone()));
    }
    JsonMap::from_iter([("env".to_owned(), Json::Object(all))])
}

/// The time in all the forms that playbooks use.
pub fn date_time(source: &mut Source<'_>) -> JsonMap {
    let (seconds, nanos) = source.sys.now();
    let micros = nanos / 1000;
    let t = source.sys.local_time(seconds);
    let utc = crate::system::machine::utc(seconds);
    let date = format!("{:04}-{:02}-{:02}", t.year, t.month, t.day);
    let time = format!("{:02}:{:02}:{:02}", t.hour, t.minute, t.second);
    let iso = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second
    );
    let basic = format!("{}T{}", date.replace('-', ""), time.replace(':', ""));
    // Weeks that begin on Monday; days before the first Monday are week 0.
    let week = (t.yearday + 7 - (t.weekday + 6) % 7) / 7;
    let day_names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let (sign, offset) = if t.offset < 0 { ('-', -t.offset) } else { ('+', t.offset) };
    // The name of summer time, or the only name there is: the one of January and July that is further east.
    let half_year = 365 * 86_400 / 2;
    let january = seconds - i64::from(t.yearday) * 86_400;
    let (winter, summer) = (source.sys.local_time(january), source.sys.local_time(january + half_year));
    let dst = if winter.offset > summer.offset { winter.zone } else { summer.zone };
    let facts = json!({
        "year": format!("{:04}", t.year),
        "month": format!("{:02}", t.month),
        "weekday": day_names[t.weekday as usize % 7],
        "weekday_number": t.weekday.to_string(),
        "weeknumber": format!("{week:02}"),
        "day": format!("{:02}", t.day),
        "hour": format!("{:02}", t.hour),
        "minute": format!("{:02}", t.minute),
        "second": format!("{:02}", t.second),
        "epoch": seconds.to_string(),
        "epoch_int": seconds.to_string(),
        "date": date,
        "time": time,
        "iso8601_micro": format!("{iso}.{micros:06}Z"),
        "iso8601": format!("{iso}Z"),
        "iso8601_basic": format!("{basic}{micros:06}"),
        "iso8601_basic_short": basic,
        "tz": t.zone,
        "tz_dst": dst,
        "tz_offset": format!("{sign}{:02}{:02}", offset / 3600, offset % 3600 / 60),
    });
    JsonMap::from_iter([("date_time".to_owned(), facts)])
}

/// The kernel's command line: the last value of each name, and all of them.
pub fn command_line(source: &mut Source<'_>) -> JsonMap {
    let mut out = JsonMap::new();
    let Some(text) = source.text("/proc/cmdline") else { return out };
    let (mut last, mut all) = (JsonMap::new(), JsonMap::new());
    for word in quoted_words(&text) {
        let Some((name, value)) = word.split_once('=') else {
            last.insert(word.clone(), Json::Bool(true));
            all.insert(word, Json::Bool(true));
            continue;
        };
        last.insert(name.to_owned(), value.into());
        match all.get_mut(name) {
            None => {
                all.insert(name.to_owned(), value.into());
            }
            Some(Json::Array(values)) => values.push(value.into()),
            Some(first) => *first = Json::Array(vec![first.take(), value.into()]),
        }
    }
    out.insert("cmdline".into(), Json::Object(last));
    out.insert("proc_cmdline".into(), Json::Object(all));
    out
}

/// Words at white space; quotes hold a word together and stay in it.
fn quoted_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(q) if q == c => quote = None,
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The public halves of the SSH server's keys.
pub fn host_keys(source: &mut Source<'_>) -> JsonMap {
    let mut out = JsonMap::new();
    for folder in ["/etc/ssh", "/etc/openssh", "/etc"] {
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let name = format!("ssh_host_key_{kind}_public");
            if out.contains_key(&name) {
                return out;
            }
            let Some(text) = source.text(&format!("{folder}/ssh_host_{kind}_key.pub")) else { continue };
            let mut words = text.split_whitespace();
            if let (Some(key_type), Some(key)) = (words.next(), words.next()) {
                out.insert(name.clone(), key.into());
                out.insert(format!("{name}_keytype"), key_type.into());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::quoted_words;

    #[test]
    fn quotes_hold_a_word_together() {
        assert_eq!(quoted_words("a b=\"c d\"  e='f'"), ["a", "b=\"c d\"", "e='f'"]);
    }
}
