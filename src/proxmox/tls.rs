//! Which certificates are trusted.

use super::error::ApiError;
use std::path::{Path, PathBuf};

/// The variables by which Python's `requests` is told of another bundle.
const VARIABLES: [&str; 2] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Sets what a client trusts: nothing is checked, or the bundle that the environment names, or the system's store (which
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` replace).
pub(super) fn trust(
    builder: reqwest::ClientBuilder,
    verify: bool,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<reqwest::ClientBuilder, ApiError> {
    if !verify {
        return Ok(builder.tls_danger_accept_invalid_certs(true));
    }
    let bundle = VARIABLES.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    match bundle {
        Some(bundle) => Ok(builder.tls_certs_only(read(Path::new(&bundle))?)),
        None => Ok(builder),
    }
}

/// The certificates of a file, or of all files in a folder.
fn read(path: &Path) -> Result<Vec<reqwest::Certificate>, ApiError> {
    let wrong = |path: &Path, reason: String| ApiError::Certificates { path: path.to_owned(), reason };
    let files = if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|e| wrong(path, e.to_string()))?;
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|file| file.is_file()).collect()
    } else {
        vec![PathBuf::from(path)]
    };
    let mut out = Vec::new();
    for file in files {
        let pem = std::fs::read(&file).map_err(|e| wrong(&file, e.to_string()))?;
        out.extend(reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| wrong(&file, e.to_string()))?);
    }
    if out.is_empty() {
        return Err(wrong(path, "there are none in it".to_owned()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let with = |value: &str| {
            let value = value.to_owned();
            trust(reqwest::Client::builder(), true, &move |name| {
                (name == "REQUESTS_CA_BUNDLE").then(|| value.clone())
            })
            .err()
            .map(|e| e.to_string())
        };
        assert!(
            with("/no/such/file")
                .is_some_and(|e| e.starts_with("cannot use the certificates of /no/such/file: "))
        );
        let folder = tempfile::tempdir().map(|d| d.path().to_owned());
        assert!(folder.is_ok_and(|f| with(&f.to_string_lossy()).is_some()));
        assert!(with("").is_none(), "an empty variable counts as not set");
    }
}
