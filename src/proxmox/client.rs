//! Logging in, and single requests.

use super::Form;
use super::error::{ApiError, Refusal};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, Url};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use windlass_protocol::{Json, JsonMap};

/// A ticket is renewed when it is that old; the server takes it for two hours.
const RENEW: Duration = Duration::from_secs(3600);

/// How a user gets in.
#[derive(Clone)]
pub enum Login {
    /// By a ticket that is given for a password.
    Password {
        /// Name and realm, `root@pam`.
        user: String,
        /// The password.
        password: String,
    },
    /// By an API token.
    Token {
        /// Name and realm of the user whose token it is.
        user: String,
        /// The token's name.
        id: String,
        /// Its secret.
        secret: String,
    },
}

/// Where and how to connect.
#[derive(Clone)]
pub struct Settings {
    /// `https://host:8006`, without a path.
    pub url: String,
    /// Who.
    pub login: Login,
    /// Whether the server's certificate has to be a trusted one.
    pub verify: bool,
    /// How long to wait for a connection, and then for each piece of an answer.
    pub patience: Duration,
}

/// A ticket, and what has to go with a request that changes something.
struct Ticket {
    cookie: HeaderValue,
    csrf: HeaderValue,
    plain: String,
    born: Instant,
}

/// How requests say who sends them.
enum Access {
    Ticket { user: String, password: String, ticket: Mutex<Ticket> },
    Token(HeaderValue),
}

/// A connection to a server.
pub struct Client {
    http: reqwest::Client,
    /// Without a limit on how long the server may be silent: it is while it takes a file.
    pub(super) patient: reqwest::Client,
    base: String,
    access: Access,
    /// How old a ticket may become.
    renew: Duration,
    secrets: Vec<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A path of segments, each with everything encoded that would end it.
#[must_use]
pub fn path(segments: &[&str]) -> String {
    const PLAIN: &[u8] = b"-._~:@!$&'()*+,;=";
    let mut out = String::new();
    for segment in segments {
        out.push('/');
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

/// A text without secrets.
pub(super) fn scrub(text: &str, secrets: &[String]) -> String {
    secrets.iter().filter(|s| !s.is_empty()).fold(text.to_owned(), |text, s| text.replace(s, "********"))
}

/// Fields as `application/x-www-form-urlencoded`.
fn encode(form: &[(String, String)]) -> String {
    // Any URL will do: only its query is looked at.
    let Ok(mut url) = Url::parse("form:") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// If the address is none, the server cannot be reached, or the user does not get in. A token is only seen to be
    /// wrong when something is asked.
    pub async fn connect(settings: &Settings) -> Result<Self, ApiError> {
        // Another part of the program may have done this already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let variable = |name: &str| std::env::var(name).ok();
        let builder = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(settings.patience)
                .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")));
            super::tls::trust(builder, settings.verify, &variable)
        };
        let http = builder()?.read_timeout(settings.patience).build().map_err(ApiError::Client)?;
        let patient = builder()?.build().map_err(ApiError::Client)?;
        let url = settings.url.trim_end_matches('/');
        if Url::parse(url).ok().is_none_or(|u| !u.has_host() || !matches!(u.scheme(), "http" | "https")) {
            return Err(ApiError::Address(url.to_owned()));
        }
        let base = format!("{url}/api2/json");
        let (access, secret) = match &settings.login {
            Login::Token { user, id, secret } => {
                let mut value = HeaderValue::from_str(&format!("PVEAPIToken={user}!{id}={secret}"))
                    .map_err(|_| ApiError::Header("token"))?;
                value.set_sensitive(true);
                (Access::Token(value), secret)
            }
            Login::Password { user, password } => {
                let ticket = Mutex::new(log_in(&http, &base, user, password).await?);
                (Access::Ticket { user: user.clone(), password: password.clone(), ticket }, password)
            }
        };
        Ok(Self { http, patient, base, access, renew: RENEW, secrets: vec![secret.clone()] })
    }

    /// Names what must not be seen in an error.
    pub fn conceal(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.secrets.push(secret.to_owned());
        }
    }

    /// A text without the secrets that this client knows.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        scrub(text, &self.secrets)
    }

    /// What the server has at a path.
    ///
    /// # Errors
    /// If it does not answer, or refuses.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Json, ApiError> {
        let query: Form = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.call(Method::GET, path, &query).await
    }

    /// Writes. `DELETE` has its fields in the query, everything else in the body.
    ///
    /// # Errors
    /// If the server does not answer, or refuses.
    pub async fn write(&self, method: Method, path: &str, form: &Form) -> Result<Json, ApiError> {
        self.call(method, path, form).await
    }

    async fn call(&self, method: Method, path: &str, form: &Form) -> Result<Json, ApiError> {
        let mut url = format!("{}{path}", self.base);
        let in_query = method == Method::GET || method == Method::DELETE;
        if in_query && !form.is_empty() {
            url.push('?');
            url.push_str(&encode(form));
        }
        let mut again = true;
        loop {
            let mut request = self.http.request(method.clone(), &url).headers(self.headers(&method).await?);
            if !in_query && !form.is_empty() {
                request =
                    request.header("content-type", "application/x-www-form-urlencoded").body(encode(form));
            }
            let answer = self.answer(&method, path, request).await;
            // Who asks is looked at before anything else: the server did nothing.
            let refused = matches!(&answer, Err(error) if error.status() == Some(401));
            if !(refused && again && self.log_in_again().await?) {
                return answer;
            }
            again = false;
        }
    }

    /// Gets another ticket by the password, where there is one: the server may have ended this one before its time, as it
    /// does with all of them when its keys change, and so may a controller that slept.
    async fn log_in_again(&self) -> Result<bool, ApiError> {
        let Access::Ticket { user, password, ticket } = &self.access else { return Ok(false) };
        let mut ticket = ticket.lock().await;
        *ticket = log_in(&self.http, &self.base, user, password).await?;
        Ok(true)
    }

    /// Sends a request and reads what comes back.
    pub(super) async fn answer(
        &self,
        method: &Method,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Json, ApiError> {
        let url = format!("{}{path}", self.base);
        let result = match request.send().await {
            Ok(response) => data_of(method, path, &url, response).await,
            Err(error) => Err(unanswered(method, &url, &error)),
        };
        result.map_err(|error| error.scrubbed(&self.secrets))
    }

    /// The whole address of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What says who sends a request.
    pub(super) async fn headers(&self, method: &Method) -> Result<HeaderMap, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        match &self.access {
            Access::Token(value) => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            Access::Ticket { user, password, ticket } => {
                let mut ticket = ticket.lock().await;
                if ticket.born.elapsed() >= self.renew {
                    // A ticket that is still good stands for the password, also where that needs a second factor.
                    *ticket = match log_in(&self.http, &self.base, user, &ticket.plain).await {
                        Err(ApiError::Login { .. }) => log_in(&self.http, &self.base, user, password).await?,
                        renewed => renewed?,
                    };
                }
                headers.insert(COOKIE, ticket.cookie.clone());
                if method != Method::GET {
                    headers.insert("CSRFPreventionToken", ticket.csrf.clone());
                }
            }
        }
        Ok(headers)
    }
}

/// Gets a ticket.
async fn log_in(http: &reqwest::Client, base: &str, user: &str, password: &str) -> Result<Ticket, ApiError> {
    let url = format!("{base}/access/ticket");
    let form: Form = vec![("username".into(), user.into()), ("password".into(), password.into())];
    let secrets = [password.to_owned()];
    let refused = |reason: Option<String>| ApiError::Login {
        user: user.to_owned(),
        url: url.clone(),
        reason: reason.map(|r| scrub(&r, &secrets)),
    };
    let request =
        http.post(&url).header("content-type", "application/x-www-form-urlencoded").body(encode(&form));
    let response =
        request.send().await.map_err(|error| unanswered(&Method::POST, &url, &error).scrubbed(&secrets))?;
    let data = match data_of(&Method::POST, "/access/ticket", &url, response).await {
        Err(ApiError::Refused(refusal)) => {
            return Err(refused(Some(format!("{} {}", refusal.status, refusal.reason))));
        }
        other => other.map_err(|error| error.scrubbed(&secrets))?,
    };
    if data.get("NeedTFA").is_some_and(|v| v == 1 || v == true) {
        return Err(ApiError::SecondFactor);
    }
    let text = |name: &str| data.get(name).and_then(Json::as_str);
    let (Some(ticket), Some(csrf)) = (text("ticket"), text("CSRFPreventionToken")) else {
        return Err(refused(None));
    };
    let mut cookie =
        HeaderValue::from_str(&format!("PVEAuthCookie={ticket}")).map_err(|_| ApiError::Header("ticket"))?;
    cookie.set_sensitive(true);
    let mut csrf = HeaderValue::from_str(csrf).map_err(|_| ApiError::Header("CSRF token"))?;
    csrf.set_sensitive(true);
    Ok(Ticket { cookie, csrf, plain: ticket.to_owned(), born: Instant::now() })
}

/// The `data` of an answer, or what the server says against the request.
async fn data_of(method: &Method, path: &str, url: &str, response: Response) -> Result<Json, ApiError> {
    let status = response.status();
    let spoken = response
        .extensions()
        .get::<hyper::ext::ReasonPhrase>()
        .map(|reason| String::from_utf8_lossy(reason.as_bytes()).trim().to_owned());
    let body = response.bytes().await.map_err(|error| unanswered(method, url, &error))?;
    let parsed = serde_json::from_slice::<JsonMap>(&body);
    if !status.is_success() {
        let body = parsed.unwrap_or_default();
        let message = body.get("message").and_then(Json::as_str).map(|m| m.trim().to_owned());
        let canonical = || status.canonical_reason().unwrap_or_default().to_owned();
        let reason = spoken.filter(|r| !r.is_empty()).or(message).unwrap_or_else(canonical);
        return Err(ApiError::Refused(Box::new(Refusal {
            method: method.to_string(),
            path: path.to_owned(),
            status: status.as_u16(),
            reason,
            errors: errors_of(body.get("errors")),
        })));
    }
    match parsed {
        Ok(mut body) => Ok(body.shift_remove("data").unwrap_or(Json::Null)),
        Err(error) => Err(ApiError::Answer {
            method: method.to_string(),
            url: url.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// The field `errors` of an answer.
fn errors_of(errors: Option<&Json>) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), |t| t.trim().to_owned());
    match errors {
        Some(Json::Object(map)) => map.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        _ => Vec::new(),
    }
}

/// Why a request has no answer, in the words of the innermost cause: the outermost only says that it failed.
fn unanswered(method: &Method, url: &str, error: &reqwest::Error) -> ApiError {
    let mut reason = error.to_string();
    let mut certificate = false;
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason = inner.to_string();
        certificate |= reason.contains("invalid peer certificate");
        cause = inner.source();
    }
    if error.is_timeout() {
        reason = "the server does not answer in time".to_owned();
    }
    let url = url.split('?').next().unwrap_or(url).to_owned();
    ApiError::Unanswered { method: method.to_string(), url, reason, certificate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(path(&["nodes", "pve", "lxc", "101"]), "/nodes/pve/lxc/101");
        assert_eq!(path(&["nodes", "a/b?c#d e"]), "/nodes/a%2Fb%3Fc%23d%20e");
        let upid = "UPID:pve:0003A2F1:01B4:6543:vzstart:101:root@pam!ci:";
        assert_eq!(path(&["tasks", upid]), format!("/tasks/{upid}"));
    }

    #[test]
    fn fields_are_encoded_and_lists_repeated() {
        let form: Form = [("net0", "name=eth0,ip=1.2.3.4/24"), ("tags", "a"), ("tags", "b c")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .to_vec();
        assert_eq!(encode(&form), "net0=name%3Deth0%2Cip%3D1.2.3.4%2F24&tags=a&tags=b+c");
    }

    #[tokio::test]
    async fn an_old_ticket_is_renewed_by_itself() {
        let server = windlass_test_proxmox::Server::builder().start().expect("a server");
        let settings = Settings {
            url: server.url(),
            login: Login::Password { user: server.user().into(), password: server.password().into() },
            verify: false,
            patience: Duration::from_secs(10),
        };
        let mut client = Client::connect(&settings).await.expect("a client");
        client.get("/version", &[]).await.expect("an answer");
        client.renew = Duration::ZERO;
        client.get("/version", &[]).await.expect("an answer");
        let logins: Vec<String> = server
            .requests()
            .iter()
            .filter(|r| r.path == "/access/ticket")
            .map(|r| r.field("password").unwrap_or_default().to_owned())
            .collect();
        assert_eq!(logins.len(), 2, "one for the connection, one for the ticket that was too old");
        assert_eq!(logins[0], server.password());
        assert!(logins[1].starts_with("PVE:root@pam:"), "{}", logins[1]);
    }

    #[test]
    fn secrets_are_starred() {
        assert_eq!(scrub("a=s3cret b", &["s3cret".to_owned(), String::new()]), "a=******** b");
    }
}
