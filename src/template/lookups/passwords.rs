//! The lookup `password`: a random password that is kept in a file.

use super::{Call, Lookup, of};
use crate::secrets::write_private;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::filters;
use crate::vars::Text;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

pub(super) const LOOKUPS: &[Lookup] = &[of("password", password)];

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

struct Wanted {
    path: PathBuf,
    length: usize,
    letters: Vec<char>,
    encrypt: Option<String>,
    ident: Option<String>,
    seed: Option<String>,
}

fn letters(names: &[String]) -> Vec<char> {
    let mut out = String::new();
    for name in names {
        match name.as_str() {
            "ascii_lowercase" => out.push_str(LOWER),
            "ascii_uppercase" => out.push_str(UPPER),
            "ascii_letters" => out.push_str(&format!("{LOWER}{UPPER}")),
            "digits" => out.push_str(DIGITS),
            "hexdigits" => out.push_str("0123456789abcdefABCDEF"),
            "octdigits" => out.push_str("01234567"),
            "punctuation" => out.push_str(PUNCTUATION),
            other => out.push_str(other),
        }
    }
    out.replace(['"', '\''], "").chars().collect()
}

fn parse(it: &mut Interp<'_>, call: &Call, term: &str) -> R<Wanted> {
    // The path may hold blanks; options come behind it.
    let words: Vec<&str> = term.split(' ').collect();
    let known =
        |word: &str| ["length=", "encrypt=", "chars=", "ident=", "seed="].iter().any(|o| word.starts_with(o));
    let first = words.iter().position(|w| known(w) || w.contains('=')).unwrap_or(words.len());
    let path = words[..first].join(" ");
    for word in &words[first..] {
        if let Some((name, _)) = word.split_once('=')
            && !known(word)
        {
            return Err(failed(format!("Unrecognized parameter(s) given to password lookup: {name}")));
        }
    }
    let option = |name: &str| -> Option<Val> {
        let inline =
            words[first..].iter().find_map(|w| w.strip_prefix(name).and_then(|w| w.strip_prefix('=')));
        inline.map(Val::from).or_else(|| call.get(name).cloned())
    };
    let length = match option("length") {
        None => 20,
        Some(v) => {
            let text = it.str(&v)?;
            text.parse().map_err(|_| {
                failed(format!(
                    "Config 'length' for 'password' lookup plugin from 'Direct' has an invalid value: Invalid value provided for 'integer': '{text}'"
                ))
            })?
        }
    };
    let names: Vec<String> = match option("chars") {
        None => vec!["ascii_letters".to_owned(), "digits".to_owned(), ".,:-_".to_owned()],
        Some(Val::Str(text)) => {
            let text = text.as_str();
            let mut names: Vec<String> = text.replace(",,", "\u{0}").split(',').map(str::to_owned).collect();
            let comma = names.iter().any(|n| n.contains('\u{0}'));
            names.iter_mut().for_each(|n| *n = n.replace('\u{0}', ""));
            if comma {
                names.insert(0, ",".to_owned());
            }
            names.retain(|n| !n.is_empty());
            names
        }
        Some(list) => {
            let mut names = Vec::new();
            for name in it.items(&list)? {
                names.push(it.str(&name)?);
            }
            names
        }
    };
    let text = |it: &mut Interp<'_>, value: Option<Val>| {
        value.filter(|v| !v.is_none()).map(|v| it.str(&v)).transpose()
    };
    let encrypt = option("encrypt");
    let encrypt = match encrypt {
        Some(Val::Bool(true)) => Some("sha512".to_owned()),
        Some(Val::Bool(false)) => None,
        other => text(it, other)?.filter(|kind| !kind.is_empty()),
    };
    let ident = option("ident");
    let seed = option("seed");
    let path = filters::expand_user(&path);
    let path = match it.cx.search.roots.last() {
        Some(root) if !path.starts_with('/') => root.join(&path),
        _ => PathBuf::from(&path),
    };
    Ok(Wanted {
        path,
        length,
        letters: letters(&names),
        encrypt,
        ident: text(it, ident)?,
        seed: text(it, seed)?,
    })
}

fn password(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let wanted = parse(it, call, &term)?;
        let text = Text::plain(one(&wanted)?);
        it.secret_seen = true;
        it.learn(text.as_str());
        out.push(Val::Str(text.into_secret()));
    }
    Ok(out)
}

fn one(wanted: &Wanted) -> R<String> {
    let throwaway = wanted.path.as_os_str() == "/dev/null";
    let stored = match std::fs::read_to_string(&wanted.path) {
        _ if throwaway => None,
        Ok(stored) => Some(stored),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        // It is there: another password must not take its place.
        Err(error) => return Err(failed(format!("could not read {}: {error}", wanted.path.display()))),
    };
    let stored = stored.map(|s| s.trim_end_matches('\n').to_owned());
    let (mut plain, mut salt, mut ident) = (stored.clone(), None, wanted.ident.clone());
    if let Some(text) = &stored {
        let (rest, found) =
            text.rsplit_once(" ident=").map_or((text.as_str(), None), |(r, i)| (r, Some(i.to_owned())));
        ident = ident.or(found);
        if let Some((password, found)) = rest.rsplit_once(" salt=") {
            plain = Some(password.to_owned());
            salt = Some(found.to_owned());
        } else {
            plain = Some(rest.to_owned());
        }
    }
    let plain = match plain {
        Some(plain) => plain,
        None => {
            if wanted.letters.is_empty() {
                return Err(failed("there are no characters to make a password of"));
            }
            filters::choose_letters(&wanted.letters, wanted.length.min(10_000), wanted.seed.as_deref())
        }
    };
    let mut line = plain.clone();
    let mut result = plain.clone();
    if let Some(kind) = &wanted.encrypt {
        let size = match kind.as_str() {
            "bcrypt" | "blowfish" => 22,
            "md5" | "md5_crypt" => 8,
            _ => 16,
        };
        let letters: Vec<char> = format!("{DIGITS}{UPPER}{LOWER}./").chars().collect();
        let salt = salt.unwrap_or_else(|| filters::choose_letters(&letters, size, wanted.seed.as_deref()));
        line = format!("{plain} salt={salt}");
        if let Some(ident) = &ident {
            line.push_str(&format!(" ident={ident}"));
        }
        result = filters::make_password_hash(&plain, kind, Some(salt), None, None, ident.as_deref())?;
    } else if let Some(stored) = &stored {
        line.clone_from(stored);
    }
    if !throwaway && stored.as_ref() != Some(&line) {
        if let Some(dir) = wanted.path.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|e| failed(format!("could not make {}: {e}", dir.display())))?;
        }
        write_private(&wanted.path, format!("{line}\n").as_bytes())
            .map_err(|e| failed(format!("could not write {}: {e}", wanted.path.display())))?;
    }
    Ok(result)
}
