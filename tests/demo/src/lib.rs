//! Deploys the example `examples/nyxmon` to a throwaway Debian host that has neither Python nor Traefik, and holds
//! every claim against the running service. `make demo` shows it, and `tests/nyxmon.rs` is the same run.
//! [`app`] does so for the example `examples/app_stack`.

pub mod app;
mod error;
mod play;

pub use error::Error;
pub use play::Run;

use base64::Engine;
use play::Playbook;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use windlass_test_hosts::{Client, ExternalAddress, Host, Suite};

/// Where the lines go that the run has to show.
pub type Show<'a> = &'a mut dyn FnMut(&str);

const SITE: &str = "nyxmon.lab.example";
/// From the addresses that are reserved for documentation: in none of the internal ranges.
const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);
/// As secrets/dev/traefik.yml has it. The example's secrets are published, and protect nothing.
const LOGIN: &str = "admin:example password, dev";

/// Where a deploy changes something, for comparing before and after check mode.
const PLACES: [&str; 6] = ["/etc", "/home", "/opt", "/srv", "/usr/local", "/var/lib/dpkg"];

/// The whole demonstration. The host is gone when it returns, whatever happened.
pub fn run(windlass: &Path, show: Show<'_>) -> Result<(), Error> {
    let begin = Instant::now();
    let windlass = std::path::absolute(windlass).map_err(Error::io(windlass))?;
    title(show, "A fresh Debian 13 host, without Python and without Traefik");
    let host = Host::builder().suite(Suite::Trixie).name("nyxmon-dev").boot()?;
    show(&format!("{} is up at {}", host.name(), host.ip()));
    let book = Playbook { windlass, folder: example(), host: &host };

    title(show, "Traefik, from its package, as a service");
    book.run(&["traefik.yml"], show)?;

    title(show, "What the deploy would do: windlass playbook --check --diff");
    let before = host.snapshot_tree(&PLACES)?;
    book.run(&["deploy-dev.yml", "--check", "--diff"], show)?;
    let touched = before.differences(&host.snapshot_tree(&PLACES)?);
    require(touched.is_empty(), || format!("check mode changed the host: {}", touched.join("; ")))?;
    show("check mode changed nothing on the host");

    title(show, "The deploy");
    let deploy = book.run(&["deploy-dev.yml"], show)?;
    require(deploy.changed > 0, || "the first deploy changed nothing".to_owned())?;

    title(show, "The deploy again: nothing is left to change");
    let again = book.run(&["deploy-dev.yml"], show)?;
    require(again.changed == 0, || format!("the second deploy changed {} things", again.changed))?;
    show("changed=0");

    title(show, "The page, from inside and from outside");
    clients(&host, show)?;

    title(show, "The smoke check: rendered settings, and the environment of the running monitor");
    let verdict = book.run(&["deploy-dev.yml", "--tags", "nyxmon_verify"], show)?;
    require(verdict.changed == 0, || "the check changed something".to_owned())?;
    secrets_stay_secret(&host, &deploy.output, show)?;

    title(show, &format!("Done in {} s; the host is torn down", begin.elapsed().as_secs()));
    Ok(())
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nyxmon")
}

pub(crate) fn title(show: Show<'_>, text: &str) {
    show("");
    show(&format!("━━ {text} {}", "━".repeat(96usize.saturating_sub(text.chars().count()))));
}

pub(crate) fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Claim(otherwise())) }
}

/// The internal client gets the page as it is, the external one is asked for the password.
fn clients(host: &Host, show: Show<'_>) -> Result<(), Error> {
    let external = ExternalAddress::add(EXTERNAL)?;
    let inside = Client::https(host.ip(), 443);
    let outside = inside.coming_from(external.address());
    let login = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(LOGIN));
    let wrong = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("admin:guess"));
    let with = [("Authorization", login.as_str())];
    let guess = [("Authorization", wrong.as_str())];
    wait_for_the_routers(&inside)?;
    let asked = [
        ("an internal client, without a password", &inside, &[][..], 200),
        ("an external client, without a password", &outside, &[][..], 401),
        ("an external client, with a wrong one", &outside, &guess[..], 401),
        ("an external client, with the password", &outside, &with[..], 200),
    ];
    for (who, client, headers, expected) in asked {
        let answer = client.get(SITE, "/", headers)?;
        show(&format!("{who:<40} -> {}", answer.status));
        require(answer.status == expected, || {
            format!("{who} got {} instead of {expected}:\n{}", answer.status, answer.text())
        })?;
        if expected == 200 {
            require(answer.text().to_lowercase().contains("nyxmon"), || {
                format!("the page is another one:\n{}", answer.text())
            })?;
        }
    }
    let plain = Client::http(host.ip(), 80).get(SITE, "/", &[])?;
    require(plain.header("Location").is_some_and(|to| to.starts_with("https://")), || {
        format!("plain HTTP is not sent on to HTTPS but answered with {}", plain.status)
    })?;
    show(&format!("{:<40} -> {}, to https", "plain HTTP", plain.status));
    Ok(())
}

/// Traefik reads a new file some seconds after it was written, and knows no such site before.
fn wait_for_the_routers(client: &Client) -> Result<(), Error> {
    let begin = Instant::now();
    while client.get(SITE, "/", &[])?.status == 404 && begin.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// The password is nowhere but hashed, in a file that only Traefik's group may read; and in no log.
fn secrets_stay_secret(host: &Host, output: &str, show: Show<'_>) -> Result<(), Error> {
    let password = LOGIN.split_once(':').map_or(LOGIN, |(_, p)| p);
    require(!output.contains(password), || "the password was printed".to_owned())?;
    let journal = host.sh("journalctl --no-pager -o cat")?;
    require(!journal.contains(password), || "the password is in the host's journal".to_owned())?;
    let found =
        host.exec(&["grep", "-rlF", "--", password, "/etc", "/home", "/opt", "/root", "/tmp", "/var"])?;
    require(found.stdout.is_empty(), || format!("the password lies in plain text in {}", found.stdout))?;
    let mode = host.sh("stat -c '%a %U' /home/nyxmon/.env")?;
    require(mode.trim() == "600 nyxmon", || format!("the environment file is {mode}"))?;
    show("the password is in no log and in no file but as a bcrypt hash; .env has mode 0600");
    Ok(())
}
