#![allow(clippy::unwrap_used)]
use super::*;

fn machine() -> Machine {
    Machine { user: "me".into(), uid: 1000, home: "/home/me".into(), hostname: "desk.example.org".into() }
}

fn lookup(text: &str, host: &str, options: &str) -> Result<HostConfig, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, text).unwrap();
    let mut args = Args::default();
    args.parse(options, "args")?;
    resolve(host, &args, &Files { user: Some(file), system: None }, &machine())
}

fn config(text: &str, host: &str) -> HostConfig {
    lookup(text, host, "").unwrap()
}

#[test]
fn the_first_value_wins_and_lists_grow() {
    let text = "Host web*\n  User a\n  IdentityFile ~/.ssh/one\nHost *\n  User b\n  Port 2222\n  IdentityFile=/two\n  identityfile /two\n";
    let web = config(text, "web1");
    assert_eq!((web.user.as_str(), web.port), ("a", 2222));
    assert_eq!(web.identity_files, [PathBuf::from("/home/me/.ssh/one"), "/two".into()]);
    assert_eq!(config(text, "db").user, "b");
    let web = lookup(text, "web1", "-l c -p 23 -i /three -oUser=d").unwrap();
    assert_eq!((web.user.as_str(), web.port, web.identity_files.len()), ("c", 23, 3));
    assert_eq!(web.identity_files[0], PathBuf::from("/three"));
}

#[test]
fn a_match_block_does_not_leak_into_the_host_before_it() {
    let text = "Host web\n  User a\nMatch host db\n  Port 1\n  User x\nHost other\n  Port 2\n";
    let web = config(text, "web");
    assert_eq!((web.user.as_str(), web.port), ("a", 22));
    assert_eq!(config(text, "db").user, "x");
}

#[test]
fn patterns_negation_quotes_and_comments() {
    let text = "Host *.lab !gw.lab \"ab\" # who\n  User \"lab user\" # the rest\nHost ?x\n  User q\n";
    assert_eq!(config(text, "n1.lab").user, "lab user");
    assert_eq!(config(text, "gw.lab").user, "me");
    assert_eq!(config(text, "ab").user, "lab user");
    assert_eq!(config(text, "ax").user, "q");
    assert_eq!(config(text, "aax").user, "me");
}

#[test]
fn match_conditions() {
    let text = "Match originalhost short\n  HostName long.example.org\n\
                Match host *.example.org user bob,alice\n  Port 7\n\
                Match host long.example.org !user alice\n  HostKeyAlias notalice\n\
                Match exec \"test %h = long.example.org\"\n  ConnectTimeout 1m30s\n\
                Match all\n  ServerAliveInterval 5\n  User alice\n";
    let short = lookup(text, "short", "-l bob").unwrap();
    assert_eq!((short.hostname.as_str(), short.port), ("long.example.org", 7));
    assert_eq!(short.host_key_alias.as_deref(), Some("notalice"));
    assert_eq!(short.connect_timeout, Some(Duration::from_secs(90)));
    assert_eq!(short.alive_interval, Some(Duration::from_secs(5)));
    let alice = lookup(text, "short", "-l alice").unwrap();
    assert_eq!((alice.port, alice.host_key_alias), (7, None));
    assert_eq!(config(text, "x").connect_timeout, None);
}

#[test]
fn the_final_pass_sees_the_host_name() {
    let text = "Match final host *.example.org\n  User deploy\nHost w\n  HostName %h.example.org\nHost *\n  Port 8\n";
    let w = config(text, "w");
    assert_eq!((w.hostname.as_str(), w.user.as_str(), w.port), ("w.example.org", "deploy", 8));
    assert_eq!(config(text, "v").user, "me");
}

#[test]
fn includes_keep_to_their_block() {
    let folder = tempfile::tempdir().unwrap();
    let sub = folder.path().join("conf.d");
    std::fs::create_dir(&sub).unwrap();
    std::fs::write(sub.join("b.conf"), "User second\nHost *\n Port 5\n").unwrap();
    std::fs::write(sub.join("a.conf"), "User first\n").unwrap();
    std::fs::write(sub.join(".hidden.conf"), "User hidden\n").unwrap();
    let text =
        format!("Host in\n  Include {}/*.conf\n  ConnectTimeout 3\nHost *\n  User last\n", sub.display());
    let inside = config(&text, "in");
    assert_eq!((inside.user.as_str(), inside.port), ("first", 5));
    assert_eq!(inside.connect_timeout, Some(Duration::from_secs(3)));
    let outside = config(&text, "out");
    assert_eq!((outside.user.as_str(), outside.port), ("last", 22));
}

#[test]
fn jumps_commands_and_none() {
    let text = "Host a\n  ProxyJump u@b:23,c\n  ProxyCommand nc %h %p\nHost d\n  ProxyCommand nc -x \"p q\" %h %p %%\n  ProxyJump e\nHost f\n  ProxyJump none\nHost *\n ProxyJump z\n";
    let a = config(text, "a");
    assert_eq!((a.proxy_jump.as_slice(), a.proxy_command), (&["u@b:23".to_owned(), "c".into()][..], None));
    let d = config(text, "d");
    assert_eq!(d.proxy_command.as_deref(), Some("nc -x \"p q\" d 22 %"));
    assert!(d.proxy_jump.is_empty());
    assert!(config(text, "f").proxy_jump.is_empty());
    assert_eq!(lookup(text, "f", "-J x,y").unwrap().proxy_jump, ["x", "y"]);
}

#[test]
fn mistakes_say_where() {
    let error = |text: &str| lookup(text, "h", "").unwrap_err().to_string();
    assert!(error("Port x\n").contains("config:1: 'x' is no value for port"));
    assert!(error("\nUser \"a\n").contains("config:2: a quote is not closed"));
    assert!(error("Match nonsense x\n").contains("config:1: Match knows no condition 'nonsense'"));
    assert!(error("User\n").contains("config:1: user wants a value"));
    assert!(error("StrictHostKeyChecking maybe\n").contains("'maybe' is no value"));
    let args = |options: &str| lookup("", "h", options).unwrap_err().to_string();
    assert_eq!(args("-Z"), "args: ssh has no option -Z");
    assert_eq!(args("web"), "args: 'web' is not an option of ssh");
    assert_eq!(args("-p"), "args: -p wants a value");
    assert_eq!(args("-o 'x"), "args: a quote is not closed in: -o 'x");
    assert_eq!(args("-o User"), "args: -o User has no value");
    assert_eq!(args("-o 'User \"a'"), "args: a quote is not closed");
    let missing = "/nonexistent/file: cannot be read: No such file or directory (os error 2)";
    assert_eq!(args("-F /nonexistent/file"), missing);
    assert!(error("Match\n").ends_with("config:1: Match wants a condition"));
    assert!(error("Match host\n").ends_with("config:1: Match host wants a value"));
    assert!(
        error("Match exec \"true %z\"\n").ends_with("config:1: the token %z has no meaning in 'true %z'")
    );
    assert_eq!(error("HostName %p\n"), "HostName: the token %p has no meaning in '%p'");
    assert_eq!(error("HostName x%\n"), "HostName: 'x%' ends in a single %");
    let key = |text: &str| error(&format!("IdentityFile {text}\n"));
    assert!(key("${HOME").ends_with(": '${HOME' has no closing brace"));
    assert!(key("${NO_SUCH_NAME}").ends_with(": the environment has no variable NO_SUCH_NAME"));
}

#[test]
fn options_of_every_style() {
    let h = lookup("", "h", "-o StrictHostKeyChecking=accept-new -o \"UserKnownHostsFile /a ~/b\" -oServerAliveCountMax=9 -Cv -4 -o IdentitiesOnly=yes -o ControlMaster=auto -o ControlPersist=60s").unwrap();
    assert_eq!(h.strict, StrictHostKeyChecking::AcceptNew);
    assert_eq!(h.user_known_hosts, [PathBuf::from("/a"), "/home/me/b".into()]);
    assert!(h.compression && h.identities_only);
    assert_eq!((h.alive_count_max, h.address_family), (9, Some(4)));
}

/// Holds what we understand against `ssh -G`.
#[test]
fn as_ssh_itself_understands_it() {
    let folder = tempfile::tempdir().unwrap();
    let extra = folder.path().join("extra");
    std::fs::write(&extra, "Host inc*\n  User included\n  Port 99\nHost *.deep\n  Port 98\n").unwrap();
    let text = format!(
        "Include {}\n\
         Host web* !web9\n  User=weber\n  Port 2201\n  IdentityFile /k/%h-%r-%n\n  CertificateFile /c/%u\n\
         Host \"jumpy\"\n  ProxyJump a@b:2,c\n  HostName 10.0.0.%%\n\
         Host cmd\n  ProxyCommand nc --proxy 'a b' %h %p\n  ProxyJump never\n\
         Match originalhost web1,web2 user weber\n  ServerAliveInterval 2m\n  HostName %h.int\n\
         Match host *.int\n  HostKeyAlias int-alias\n  ConnectTimeout 77\n\
         Match exec \"true\" host cmd\n  ServerAliveCountMax 8\n\
         Match !exec \"true\"\n  Port 1\n\
         Match final host web1.int\n  StrictHostKeyChecking accept-new\n\
         Host *\n  UserKnownHostsFile /kh/one /kh/two\n  GlobalKnownHostsFile /kh/g\n  IdentityFile /k/all\n  IdentitiesOnly yes\n  HashKnownHosts yes\n  StrictHostKeyChecking no\n  Port 2299\n",
        extra.display()
    );
    let file = folder.path().join("config");
    std::fs::write(&file, &text).unwrap();
    let own = Machine::own();
    for host in ["web1", "web9", "web2", "jumpy", "cmd", "inc1", "x.deep", "plain"] {
        for options in ["", "-p 5 -l other", "-o HostName=z.int -o IdentityFile=/k/first", "-J q:3"] {
            let mut args = Args::default();
            args.parse(options, "args").unwrap();
            args.config = Some(file.clone());
            let ours = resolve(host, &args, &Files { user: None, system: None }, &own).unwrap();
            let mut ssh = std::process::Command::new("ssh");
            ssh.arg("-G").arg("-F").arg(&file).args(shlex::split(options).unwrap()).arg(host);
            let output = ssh.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let theirs = String::from_utf8(output.stdout).unwrap();
            let get = |keyword: &str| -> Vec<String> {
                let prefix = format!("{keyword} ");
                theirs.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
            };
            let one = |keyword: &str| get(keyword).first().cloned().unwrap_or_default();
            let about = format!("{host} {options}");
            assert_eq!(one("hostname"), ours.hostname, "{about}");
            assert_eq!(one("user"), ours.user, "{about}");
            assert_eq!(one("port"), ours.port.to_string(), "{about}");
            assert_eq!(one("proxyjump"), ours.proxy_jump.join(","), "{about}");
            // `ssh -G` shows these three before the tokens are replaced.
            assert_eq!(one("proxycommand").is_empty(), ours.proxy_command.is_none(), "{about}");
            assert_eq!(get("identityfile").len(), ours.identity_files.len(), "{about}");
            assert_eq!(get("certificatefile").len(), ours.certificate_files.len(), "{about}");
            assert_eq!(one("hostkeyalias"), ours.host_key_alias.clone().unwrap_or_default(), "{about}");
            let seconds = |time: Option<Duration>| time.map_or(0, |time| time.as_secs()).to_string();
            assert_eq!(one("serveraliveinterval"), seconds(ours.alive_interval), "{about}");
            assert_eq!(one("serveralivecountmax"), ours.alive_count_max.to_string(), "{about}");
            let timeout = ours.connect_timeout.map_or("none".to_owned(), |time| time.as_secs().to_string());
            assert_eq!(one("connecttimeout"), timeout, "{about}");
            let strict = match ours.strict {
                StrictHostKeyChecking::Yes => "true",
                StrictHostKeyChecking::Ask => "ask",
                StrictHostKeyChecking::AcceptNew => "accept-new",
                StrictHostKeyChecking::No => "false",
            };
            assert_eq!(one("stricthostkeychecking"), strict, "{about}");
            let joined = |paths: &[PathBuf]| {
                paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(one("userknownhostsfile"), joined(&ours.user_known_hosts), "{about}");
            assert_eq!(one("globalknownhostsfile"), joined(&ours.global_known_hosts), "{about}");
            assert_eq!(one("identitiesonly") == "yes", ours.identities_only, "{about}");
            assert_eq!(one("hashknownhosts") == "yes", ours.hash_known_hosts, "{about}");
        }
    }
}

#[test]
fn names_that_a_shell_would_execute_are_refused() {
    let text = "Host *\n  ProxyCommand nc %h %p\n";
    for host in [
        "a;b",
        "a b",
        "$(id)",
        "-oProxyCommand=x",
        "a`id`",
        "a|b",
        "a\nb",
        "a&b",
        "a>b",
        "a{b}",
        "a\\b",
        "'a",
        "a\"b",
    ] {
        let error = lookup(text, host, "").unwrap_err();
        assert!(error.to_string().ends_with("hostname contains invalid characters"), "{host}: {error}");
        assert!(!error.to_string().contains('\n'));
    }
    for user in ["a;b", "$(id)", "-x", "a -x", "a`id`", "a\\", "a'b", "a|b"] {
        let quoted = shlex::try_quote(user).unwrap().into_owned();
        let error = lookup(text, "web", &format!("-l {quoted}")).unwrap_err();
        assert!(
            error.to_string().ends_with("remote username contains invalid characters"),
            "{user}: {error}"
        );
    }
    for (host, user) in [("fe80::1%eth0", "me"), ("web_1.lab", "DOMAIN\\me"), ("10.0.0.1", "svc$")] {
        let quoted = shlex::try_quote(user).unwrap().into_owned();
        assert_eq!(lookup("", host, &format!("-l {quoted}")).unwrap().user, user);
    }
    // Nothing is executed for such a name either, nor for one that the configuration makes of it.
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let host = format!("x;touch${{IFS}}{}", mark.display());
    assert!(lookup("Match exec \"true %h\"\n  Port 7\n", &host, "").is_err());
    assert!(!mark.exists());
    assert!(lookup("Host web\n  HostName a;b\n", "web", "").is_err());
}

#[test]
fn identity_file_none_is_not_the_same_as_nothing() {
    assert!(config("", "web").usual_identities);
    let none = config("Host *\n  IdentityFile none\n", "web");
    assert!(!none.usual_identities && none.identity_files.is_empty());
}

#[test]
fn a_usual_file_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".ssh/config");
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(&file, "Port 7\n").unwrap();
    let machine = Machine { home: home.path().into(), uid: rustix::process::getuid().as_raw(), ..machine() };
    let files = Files { system: None, ..Files::usual(&machine) };
    let port = |mode: u32| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        resolve("web", &Args::default(), &files, &machine).map(|config| config.port)
    };
    assert_eq!((port(0o600).unwrap(), port(0o644).unwrap()), (7, 7));
    for mode in [0o664, 0o602] {
        assert!(port(mode).unwrap_err().to_string().contains("Bad owner or permissions"));
    }
    // One that was named is the business of who named it, as for `ssh -F`.
    assert!(resolve("web", &Args { config: Some(file), ..Args::default() }, &files, &machine).is_ok());
}

#[test]
fn newer_conditions_are_known() {
    let text = "Match sessiontype exec\n  Port 7\nMatch version OpenSSH_9*\n  User a\nMatch command rsync*\n  User b\n";
    let found = config(text, "web");
    assert_eq!((found.port, found.user.as_str()), (7, "me"));
    assert_eq!(config("Match !sessiontype exec\n  Port 7\n", "web").port, 22);
}
