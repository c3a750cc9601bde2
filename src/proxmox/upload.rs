//! Sending a file to a storage.

use super::client::Client;
use super::error::ApiError;
use futures::stream::{StreamExt, TryStreamExt};
use reqwest::{Body, Method};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use windlass_protocol::Json;

/// How much of the file is in memory at once.
const PIECE: usize = 256 * 1024;

/// How far an upload is.
#[derive(Clone)]
struct Progress(Arc<Mutex<(Instant, u64)>>);

impl Progress {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), 0))))
    }

    fn add(&self, bytes: usize) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *at = (Instant::now(), at.1 + bytes as u64);
    }

    /// Ends when nothing has moved for so long, and says how many bytes had been taken.
    async fn stalled(&self, limit: Duration) -> u64 {
        loop {
            let (last, sent) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let left = limit.saturating_sub(last.elapsed());
            if left.is_zero() {
                return sent;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Client {
    /// Sends a file in pieces, with its length in front: the server takes no chunked bodies. It may be slow, but it must not
    /// stand still for longer than `limit`, neither while it takes the file nor before it answers.
    ///
    /// # Errors
    /// If the file cannot be read, or the server refuses it or stands still.
    pub async fn upload(
        &self,
        path: &str,
        content: &str,
        file: &Path,
        limit: Duration,
    ) -> Result<Json, ApiError> {
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
        let progress = Progress::new();
        let taken = progress.clone();
        let whole = futures::stream::once(async move { Ok(head.into_bytes()) })
            .chain(pieces)
            .chain(futures::stream::once(async move { Ok(tail.into_bytes()) }))
            .inspect_ok(move |piece| taken.add(piece.len()));
        let request = self
            .patient
            .post(self.url(path))
            .headers(self.headers(&Method::POST).await?)
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .header("content-length", length)
            .body(Body::wrap_stream(whole));
        tokio::select! {
            answer = self.answer(&Method::POST, path, request) => answer,
            sent = progress.stalled(limit) => {
                Err(ApiError::Stalled { url: self.url(path), seconds: limit.as_secs(), sent, length })
            }
        }
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
