//! A client that shows everything of an answer.
#![allow(clippy::unwrap_used, dead_code)]

use serde_json::Value;
use std::time::Duration;
use windlass_test_proxmox::Server;

/// What came back.
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// The data of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{} {}", self.reason, self.text);
        self.body["data"].clone()
    }
}

/// Somebody who asks a server, trusting its certificate and no other.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    headers: Vec<(String, String)>,
    runtime: std::sync::Arc<tokio::runtime::Runtime>,
}

impl Client {
    pub fn anonymous(server: &Server) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = reqwest::Certificate::from_pem(&std::fs::read(server.ca_path()).unwrap()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self {
            http,
            url: format!("{}/api2/json", server.url()),
            headers: Vec::new(),
            runtime: runtime.into(),
        }
    }

    /// With a token that may everything.
    pub fn token(server: &Server) -> Self {
        server.add_token("root@pam!test", "test");
        Self::anonymous(server).with("Authorization", "PVEAPIToken=root@pam!test=test")
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status();
            let phrase = response.extensions().get::<hyper::ext::ReasonPhrase>();
            let phrase = phrase.map(|p| String::from_utf8_lossy(p.as_bytes()).into_owned());
            let reason = phrase.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
            let text = response.text().await.unwrap();
            let body = serde_json::from_str(&text).unwrap_or_default();
            Answer { status: status.as_u16(), reason, text, body }
        })
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.url)))
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.url)).form(fields))
    }

    pub fn put(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.http.put(format!("{}{path}", self.url)).form(fields))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(format!("{}{path}", self.url)))
    }

    /// Sends a file as a form of a browser does.
    pub fn upload(&self, path: &str, content: &str, name: &str, data: &[u8]) {
        let mut body = format!(
            "--x\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n{content}\r\n--x\r\nContent-Disposition: \
             form-data; name=\"filename\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let request = self.http.post(format!("{}{path}", self.url));
        self.send(request.header("Content-Type", "multipart/form-data; boundary=x").body(body)).ok();
    }

    /// Asks until a task has ended.
    pub fn wait(&self, path: &str) -> Value {
        for _ in 0..6000 {
            let task = self.get(path).ok();
            if task["status"] == "stopped" {
                return task;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path} does not end");
    }
}
