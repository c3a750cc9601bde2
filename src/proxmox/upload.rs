//! Sending a file to a storage.

use super::client::Client;
use super::error::ApiError;
use futures::stream::StreamExt;
use reqwest::{Body, Method};
use std::path::Path;
use tokio::io::AsyncReadExt;
use windlass_protocol::Json;

/// How much of the file is in memory at once.
const PIECE: usize = 256 * 1024;

impl Client {
    /// Sends a file in pieces, with its length in front: the server takes no chunked bodies.
    ///
    /// # Errors
    /// If the file cannot be read, or the server refuses it.
    pub async fn upload(&self, path: &str, content: &str, file: &Path) -> Result<Json, ApiError> {
        let wrong = |source| ApiError::File { path: file.to_owned(), source };
        let opened = tokio::fs::File::open(file).await.map_err(wrong)?;
        let size = opened.metadata().await.map_err(wrong)?.len();
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let boundary = format!("windlass-{}", uuid::Uuid::new_v4().simple());
        let (head, tail) = frame(&boundary, content, &name);
        let length = head.len() as u64 + size + tail.len() as u64;
        // What the file grows by meanwhile is not sent: the length has been said.
        let pieces = futures::stream::try_unfold(opened.take(size), |mut file| async move {
            let mut piece = Vec::with_capacity(PIECE);
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
            Ok::<_, std::io::Error>((read > 0).then_some((piece, file)))
        });
        let whole = futures::stream::once(async move { Ok(head.into_bytes()) })
            .chain(pieces)
            .chain(futures::stream::once(async move { Ok(tail.into_bytes()) }));
        let request = self
            .patient
            .post(self.url(path))
            .headers(self.headers(&Method::POST).await?)
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .header("content-length", length)
            .body(Body::wrap_stream(whole));
        self.answer(&Method::POST, path, request).await
    }
}

/// What stands before and behind the file.
fn frame(boundary: &str, content: &str, name: &str) -> (String, String) {
    let name = name.replace('\\', "\\\\").replace('"', "%22").replace(['\r', '\n'], " ");
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n{content}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    (head, format!("\r\n--{boundary}--\r\n"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_between_two_boundaries() {
        let (head, tail) = super::frame("B", "vztmpl", "a\"b.tar.zst");
        assert!(
            head.starts_with(
                "--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nvztmpl\r\n--B\r\n"
            )
        );
        assert!(head.contains("name=\"filename\"; filename=\"a%22b.tar.zst\"\r\n"));
        assert_eq!(tail, "\r\n--B--\r\n");
    }
}
