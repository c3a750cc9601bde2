//! sudo, su and doas.

use crate::*;
use windlass::transport::{BecomeFailure, BecomeMethod, Secret};
use windlass_test_hosts::{Sudo, require_hosts};

fn failure(result: Result<String, ConnectError>) -> BecomeFailure {
    match result.unwrap_err() {
        ConnectError::Become(error) => {
            let shown = ConnectError::Become(error.clone());
            assert!(!shown.is_unreachable(), "{shown}");
            error.kind
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn sudo_with_and_without_a_password() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder()
        .user("free", Sudo::Passwordless)
        .user("pat", Sudo::Password("pat's password".into()))
        .user("bob", Sudo::None)
        .boot()
        .unwrap();
    let root = Become::sudo("root");
    let with = |password: &str| Become { password: Some(Secret::new(password)), ..root.clone() };
    assert_eq!(wait(who(&target(&host, "free"), Some(&root))).unwrap(), "root");
    // A password that nobody asks for does no harm.
    assert_eq!(wait(who(&target(&host, "free"), Some(&with("needless")))).unwrap(), "root");
    assert_eq!(wait(who(&target(&host, "free"), Some(&Become::sudo("bob")))).unwrap(), "bob");
    assert_eq!(wait(who(&target(&host, "free"), Some(&Become::sudo("nobody")))).unwrap(), "nobody");
    assert_eq!(wait(who(&target(&host, "pat"), Some(&with("pat's password")))).unwrap(), "root");
    host.sh("rm -rf /run/sudo/ts/*").unwrap();

    let result = |user: &str, become_: &Become| failure(wait(who(&target(&host, user), Some(become_))));
    assert_eq!(result("pat", &with("wrong")), BecomeFailure::WrongPassword);
    assert_eq!(result("pat", &root), BecomeFailure::PasswordRequired);
    assert!(matches!(result("free", &Become::sudo("ghost")), BecomeFailure::NoSuchUser(_)));
    let exe = Become { exe: Some("/opt/sudo".into()), ..root.clone() };
    assert_eq!(result("free", &exe), BecomeFailure::NoProgram("/opt/sudo".into()));
    host.sh("echo 'bob:bobpw' | chpasswd").unwrap();
    let denied = result("bob", &with("bobpw"));
    assert!(matches!(denied, BecomeFailure::NotPermitted(_)), "{denied:?}");

    // Everyone executes what is their own.
    let owners =
        host.sh("stat -c '%U %a %n' /root/.cache/windlass/agent-* /home/*/.cache/windlass/agent-*").unwrap();
    for line in owners.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let home = if fields[0] == "root" { "/root/".to_owned() } else { format!("/home/{}/", fields[0]) };
        assert!(fields[2].starts_with(&home) && fields[1] == "700", "{line}");
    }
    assert!(owners.contains("root") && owners.contains("bob"), "{owners}");

    host.write("/etc/sudoers.d/tty", "Defaults requiretty\n").unwrap();
    assert_eq!(wait(who(&target(&host, "free"), Some(&root))).unwrap(), "root");
    assert_eq!(wait(who(&target(&host, "pat"), Some(&with("pat's password")))).unwrap(), "root");
}

#[test]
fn su_with_and_without_a_password() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().root_password("top secret").user("bob", Sudo::None).boot().unwrap();
    let su = |user: &str, password: Option<&str>| Become {
        method: BecomeMethod::Su,
        password: password.map(Secret::new),
        ..Become::sudo(user)
    };
    assert_eq!(wait(who(&target(&host, "root"), Some(&su("bob", None)))).unwrap(), "bob");
    assert_eq!(wait(who(&target(&host, "root"), Some(&su("nobody", None)))).unwrap(), "nobody");
    assert_eq!(wait(who(&target(&host, "bob"), Some(&su("root", Some("top secret"))))).unwrap(), "root");
    let result = |become_: &Become| failure(wait(who(&target(&host, "bob"), Some(become_))));
    assert_eq!(result(&su("root", Some("wrong"))), BecomeFailure::WrongPassword);
    assert_eq!(result(&su("root", None)), BecomeFailure::PasswordRequired);
    let ghost = result(&su("ghost", Some("x")));
    assert!(matches!(ghost, BecomeFailure::NoSuchUser(_)), "{ghost:?}");
}

#[test]
fn doas_with_and_without_a_password() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder()
        .packages(&["opendoas"])
        .user("pat", Sudo::Password("pat's password".into()))
        .user("free", Sudo::None)
        .boot()
        .unwrap();
    host.write("/etc/doas.conf", "permit pat as root\npermit nopass free as root\n").unwrap();
    let doas = |password: Option<&str>| Become {
        method: BecomeMethod::Doas,
        password: password.map(Secret::new),
        ..Become::sudo("root")
    };
    assert_eq!(wait(who(&target(&host, "free"), Some(&doas(None)))).unwrap(), "root");
    assert_eq!(wait(who(&target(&host, "pat"), Some(&doas(Some("pat's password"))))).unwrap(), "root");
    let result = |become_: &Become| failure(wait(who(&target(&host, "pat"), Some(become_))));
    assert_eq!(result(&doas(Some("wrong"))), BecomeFailure::WrongPassword);
    assert_eq!(result(&doas(None)), BecomeFailure::PasswordRequired);
    // Binary data passes through the terminal unharmed.
    wait(async {
        let connection = open(&target(&host, "pat")).await.unwrap();
        let agent = connection.agent(Some(&doas(Some("pat's password")))).await.unwrap();
        let text = stdout(&agent, "head -c 300000 /dev/urandom | base64 -w 0").await;
        assert_eq!(text.len(), 400_000);
        connection.close().await;
    });
}

#[test]
fn several_users_on_one_connection() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().user("free", Sudo::Passwordless).user("app", Sudo::None).boot().unwrap();
    wait(async {
        let connection = open(&target(&host, "free")).await.unwrap();
        let (root, app) = (Become::sudo("root"), Become::sudo("app"));
        let agents = [None, Some(&root), Some(&app), Some(&root), None].map(|who| connection.agent(who));
        let agents = futures::future::join_all(agents).await;
        let users: Vec<String> =
            agents.iter().map(|agent| agent.as_ref().unwrap().identity().user.clone()).collect();
        assert_eq!(users, ["free", "root", "app", "root", "free"]);
        let pids: Vec<u32> = agents.iter().map(|agent| agent.as_ref().unwrap().identity().pid).collect();
        assert_eq!((pids[0], pids[1]), (pids[4], pids[3]));
        let raw = connection.raw_exec("id -un", b"", Some(&app)).await.unwrap();
        assert_eq!((raw.code, raw.stdout.as_slice()), (0, &b"app\n"[..]));
        connection.close().await;
    });
    assert_eq!(host.sh("pgrep -f [a]gent- || true").unwrap(), "");
}
