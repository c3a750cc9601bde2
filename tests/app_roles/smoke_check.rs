//! Each check of the role `smoke_check`, passing and failing with its message, on a host without Python.

use crate::run::Project;
use windlass_test_hosts::{Host, Suite, require_hosts};

/// A web service in Perl, which every Debian has.
const WEB: &str = r#"use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 8080, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
    my $request = <$client> // '';
    while (<$client>) { last if /^\r?$/ }
    syswrite STDOUT, "ERROR secret-of-the-log\n" if $request =~ m{/noise};
    my ($status, $body) = $request =~ m{/broken} ? ('500 Internal Server Error', 'broken')
        : $request =~ m{/posted} && $request =~ /^POST/ ? do { open my $f, '>', '/run/posted'; ('200 OK', 'posted') }
        : ('200 OK', '{"status": "ok", "token": "secret-of-the-body"}');
    print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nX-Api-Token: secret-of-the-header\r\n",
        "Connection: close\r\nContent-Length: ", length $body, "\r\n\r\n$body";
    close $client;
}
"#;

const ENVIRONMENT: &str = "# The web service.\nGREETING=\"hello \\\"you\\\", \\$5 \\\\ `x`\"\nTOKEN='secret one'\nEMPTY=\nBARE=a\\ b  \n";

fn unit(body: &str) -> String {
    format!("[Unit]\nStartLimitIntervalSec=0\n[Service]\n{body}\n")
}

fn boot() -> Host {
    let host = Host::builder().suite(Suite::Trixie).name("smoke").boot().unwrap();
    host.write("/srv/web.pl", WEB).unwrap();
    host.write("/etc/web.env", ENVIRONMENT).unwrap();
    let units = [
        ("web", "Type=exec\nExecStart=/usr/bin/perl /srv/web.pl\nEnvironmentFile=/etc/web.env"),
        ("flapping", "Type=exec\nExecStart=/bin/sh -c 'sleep 1; exit 3'\nRestart=always\nRestartSec=0"),
        ("broken", "Type=oneshot\nExecStart=/bin/false"),
        (
            "tls",
            "Type=exec\nExecStart=/usr/bin/openssl s_server -quiet -accept 127.0.0.1:8443 -cert /srv/cert.pem -key /srv/key.pem -www",
        ),
    ];
    for (name, body) in units {
        host.write(&format!("/etc/systemd/system/{name}.service"), unit(body)).unwrap();
    }
    host.sh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 10 -subj /CN=shop.example \
         -keyout /srv/key.pem -out /srv/cert.pem 2>&1; systemctl daemon-reload; systemctl start web tls flapping; \
         systemctl start broken || true",
    )
    .unwrap();
    host
}

#[test]
fn what_is_not_as_deployed_is_named_with_what_to_do() {
    if !require_hosts() {
        return;
    }
    let host = boot();
    let project = Project::new(&host, "smoke_check", "include_role");
    // Nothing is asked again here: every answer is there at once.
    let check = |checks: &str| {
        project.run(&format!("smoke_check_retries: 1\nsmoke_check_delay: 1\n{checks}\n"), &["-vv"])
    };

    units(&host, &check);
    environment(&host, &check);
    ports_pages_and_certificates(&check);
    commands(&check);
    journal(&host, &check);
    wrong_settings(&check);
    check_mode(&host, &project);
}

type Check<'a> = &'a dyn Fn(&str) -> crate::run::Run;

fn units(host: &Host, check: Check<'_>) {
    let run =
        check("smoke_check_units: [{name: web, stable_seconds: 2}, {name: tls.service, stable_seconds: 1}]");
    run.passes().says("web.service is active (process ").says("and has been for 2 seconds");
    // One that is up for long enough already is not waited for.
    check("smoke_check_units: [{name: web, stable_seconds: 1}]")
        .passes()
        .hides("TASK [smoke_check : Watch them for 1");

    let run = check("smoke_check_units: [{name: flapping, stable_seconds: 3}]");
    assert!(
        run.text.contains("flapping.service did not stay up for 3 seconds: its process")
            || run.text.contains("flapping.service starts and ends again ("),
        "{}",
        run.text
    );
    run.fails().says("journalctl -u flapping.service -n 50");
    // All units are looked at before the host fails.
    check("smoke_check_units: [{name: broken}, {name: nothing}]")
        .fails()
        .says("broken.service failed (exit-code, exit status 1). Its last words: journalctl -u broken.service")
        .says("nothing.service is not known to systemd (not-found): look whether its file is in /etc/systemd/system");

    host.sh("systemctl stop web; systemctl mask --runtime rescue").unwrap();
    check("smoke_check_units: [{name: web}, {name: rescue}]")
        .fails()
        .says("web.service is not running (dead): start it (systemctl start web.service)")
        .says("rescue.service is masked, so that nothing can start it");
    host.sh("systemctl start web").unwrap();
}

fn environment(host: &Host, check: Check<'_>) {
    let with = |more: &str| {
        check(&format!(
            "smoke_check_units: [{{name: web, stable_seconds: 0, environment_file: /etc/web.env{more}}}]"
        ))
    };
    with("").passes().says("runs with all 4 variables of /etc/web.env");

    host.write(
        "/etc/web.env",
        format!("{}NEW=\"secret three\"\n", ENVIRONMENT.replace("secret one", "secret two")),
    )
    .unwrap();
    with("")
        .fails()
        .says("still runs with another TOKEN, and without NEW, than /etc/web.env says: it was not restarted")
        .says("Restart it (systemctl restart web.service) and deploy again")
        .hides("secret one")
        .hides("secret two")
        .hides("secret three");
    with(", environment_ignore: [TOKEN]").fails().says("still runs without NEW, which is in /etc/web.env");
    with(", environment_ignore: [TOKEN, NEW]").passes().says("all 3 variables");
    with(", environment_names: [GREETING]").passes().says("runs with the deployed GREETING of /etc/web.env");
    with(", environment_names: [OTHER]").fails().says("/etc/web.env does not hold OTHER");
    host.sh("systemctl restart web").unwrap();
    with("").passes().says("all 5 variables");

    check("smoke_check_units: [{name: web, stable_seconds: 0, environment_file: /etc/none.env}]")
        .fails()
        .says("/etc/none.env, the environment file of web.service, could not be read");
    check(
        "smoke_check_units: [{name: multi-user.target, stable_seconds: 0, environment_file: /etc/web.env}]",
    )
    .fails()
    .says("multi-user.target has no main process");
}

fn ports_pages_and_certificates(check: Check<'_>) {
    check("smoke_check_ports: [{port: 8080}, {port: 8443, host: 127.0.0.1}]").passes();
    check("smoke_check_ports: [{port: 8080}, {port: 8081}]")
        .fails()
        .says("nobody accepts connections at 127.0.0.1 port 8081")
        .hides("nobody accepts connections at 127.0.0.1 port 8080");

    check(
        "smoke_check_http: [{url: 'http://me:secret-password@127.0.0.1:8080/health', body: '\"status\": *\"ok\"', \
         body_absent: broken, headers: {Content-Type: '^application/json', X-Api-Token: secret}, \
         request_headers: {X-Key: secret-of-the-request}}, {url: 'http://127.0.0.1:8080/broken', status: [500, 503]}]",
    )
    .passes()
    .says("http://127.0.0.1:8080/health answers 200")
    .hides("secret-password")
    .hides("secret-of-the");
    let page = |more: &str| check(&format!("smoke_check_http: [{{url: 'http://127.0.0.1:8080/x'{more}}}]"));
    page(", name: the front page, status: [204]")
        .fails()
        .says("the front page: http://127.0.0.1:8080/x answers 200 and not 204");
    page(", body: green")
        .fails()
        .says("answers 200, but its body (47 characters) does not hold \"green\"")
        .hides("secret-of-the-body");
    page(", body_absent: token").fails().says("its body holds \"token\", which must not be there");
    page(", headers: {Content-Type: html, Server: perl, X-Api-Token: other}")
        .fails()
        .says("answers with another Content-Type than \"html\": application/json")
        .says("answers without the header Server")
        .says("answers with another X-Api-Token than \"other\"")
        .hides("secret-of-the-header");
    check("smoke_check_http: [{url: 'http://me:secret-password@127.0.0.1:8081/'}]")
        .fails()
        .says("http://127.0.0.1:8081/ gives no answer (")
        .says("refused")
        .hides("secret-password");
    check("smoke_check_http: [{url: 'https://127.0.0.1:8443/', validate_certs: false, body: s_server}]")
        .passes();
    check("smoke_check_http: [{url: 'https://127.0.0.1:8443/'}]").fails().says("ertificate");

    let certificate = |more: &str| check(&format!("smoke_check_tls: [{{host: 127.0.0.1, {more}}}]"));
    certificate("port: 8443, server_name: shop.example, days: 5")
        .passes()
        .says("the certificate of shop.example at 127.0.0.1 port 8443 is valid until ");
    certificate("port: 8443").fails().says(" GMT, in less than 14 days: renew it");
    certificate("port: 8081").fails().says("the certificate at 127.0.0.1 port 8081 was not shown");
}

fn commands(check: Check<'_>) {
    check("smoke_check_commands: [{name: who, argv: [id, -un], user: nobody, stdout: '^nobody$'}, {name: one, argv: [sh, -c, exit 1], rc: [0, 1]}]")
        .passes()
        .says("who: so it is")
        .says("one: so it is");
    check("smoke_check_commands: [{name: it works, argv: [sh, -c, 'echo out; echo err >&2; exit 3'], rc: [0, 1]}]")
        .fails()
        .says("it works: not so, the exit code is 3 and not 0 or 1. sh -c echo out; echo err >&2; exit 3 printed: out\\nerr");
    check("smoke_check_commands: [{name: it says yes, argv: [echo, 'no'], stdout: 'yes'}]")
        .fails()
        .says("it says yes: not so, the output does not hold \"yes\". echo no printed: no");
    check("smoke_check_commands: [{name: it says yes, argv: [echo, secret argument], stdout: 'secret pattern', no_log: true}]")
        .fails()
        .says("it says yes: not so, the output does not hold what it should")
        .hides("secret argument")
        .hides("secret pattern");
    check("smoke_check_commands: [{name: it is there, argv: [/nowhere/program]}]")
        .fails()
        .says("it is there: not so");
}

fn journal(host: &Host, check: Check<'_>) {
    let log = "smoke_check_logs: [{unit: web, pattern: 'ERROR|Unhandled'}]";
    check(log).passes().says("no line of web.service since its start matches ERROR|Unhandled");
    // What the checks before it wrote is seen.
    check(&format!("smoke_check_http: [{{url: 'http://127.0.0.1:8080/noise'}}]\n{log}"))
        .fails()
        .says("web.service wrote 1 line since its start that must not be there (ERROR|Unhandled): journalctl _SYSTEMD_INVOCATION_ID=")
        .hides("secret-of-the-log");
    check("smoke_check_logs: [{unit: web, pattern: 'error'}]").passes();
    host.sh("systemctl restart web").unwrap();
    check(log).passes();
}

fn wrong_settings(check: Check<'_>) {
    check("smoke_check_units: [{unit: web}]")
        .fails()
        .says("missing required arguments: name found in smoke_check_units");
    check("smoke_check_ports: [{port: http}]").fails().says("port");
}

fn check_mode(host: &Host, project: &Project) {
    host.write("/etc/web.env", "TOKEN=secret-four\n").unwrap();
    let before = host.snapshot_tree(&["/etc", "/srv", "/run/posted"]).unwrap();
    project
        .run(
            "smoke_check_units: [{name: web, environment_file: /etc/web.env}, {name: nothing, environment_file: /etc/none}]\n\
             smoke_check_ports: [{port: 8080}, {port: 8081}]\n\
             smoke_check_http: [{url: 'http://127.0.0.1:8080/'}, {url: 'http://127.0.0.1:8080/posted', method: POST}]\n\
             smoke_check_tls: [{host: 127.0.0.1, port: 8081}]\n\
             smoke_check_commands: [{name: touched, argv: [touch, /srv/touched]}, {name: looked, argv: [ls, /nowhere], read_only: true}]\n\
             smoke_check_logs: [{unit: web, pattern: x}, {unit: nothing, pattern: x}]",
            &["--check"],
        )
        .passes()
        .says("As it is now, before the deploy: web.service (process")
        .says("still runs with another TOKEN than /etc/web.env says")
        .says("As it is now, before the deploy: nothing.service is not known to systemd")
        .says("As it is now, before the deploy: nobody accepts connections at 127.0.0.1 port 8081")
        .says("http://127.0.0.1:8080/ answers 200")
        .says("POST http://127.0.0.1:8080/posted is not asked in check mode")
        .says("touched: the command is not run in check mode")
        .says("As it is now, before the deploy: looked: not so, the exit code is 2")
        .says("nothing.service was never started")
        .hides("secret-four");
    let touched = before.differences(&host.snapshot_tree(&["/etc", "/srv", "/run/posted"]).unwrap());
    assert!(touched.is_empty(), "{touched:?}");
}
