#![allow(clippy::unwrap_used)]
use super::*;
use std::io::{PipeReader, PipeWriter};
use windlass_protocol::{BlobData, Outcome};

/// A controller that talks to an agent in this process.
struct Controller {
    to: Option<PipeWriter>,
    from: PipeReader,
    agent: std::thread::JoinHandle<Result<(), ServeError>>,
    scratch: Scratch,
}

impl Controller {
    fn silent() -> Self {
        let (input, to) = std::io::pipe().unwrap();
        let (from, output) = std::io::pipe().unwrap();
        let scratch = Scratch::make();
        let theirs = scratch.clone();
        let agent = std::thread::spawn(move || serve(input, output, &theirs));
        Self { to: Some(to), from, agent, scratch }
    }

    fn greeted() -> Self {
        let mut this = Self::silent();
        this.hello(PROTOCOL_VERSION);
        this
    }

    fn hello(&mut self, version: u16) {
        self.send(&ToAgent::Hello(Hello { version, program: "test".into(), agent: None }));
        let Some(FromAgent::Hello(hello)) = self.receive() else { panic!("no hello") };
        assert_eq!(hello.agent.unwrap().pid, std::process::id());
    }

    fn send(&mut self, message: &ToAgent) {
        frame::write(self.to.as_mut().unwrap(), message).unwrap();
    }

    fn receive(&mut self) -> Option<FromAgent> {
        frame::read(&mut self.from).unwrap()
    }

    fn ping(id: u64, data: &str) -> Request {
        Request {
            id,
            module: "ansible.builtin.ping".into(),
            args: format!("{{\"data\":\"{data}\"}}").into_bytes(),
            check: false,
            diff: false,
            environment: Vec::new(),
            blobs: Vec::new(),
            stream: false,
            timeout_ms: None,
            no_log: false,
            job: None,
        }
    }

    fn outcome(&mut self) -> (u64, Outcome) {
        match self.receive() {
            Some(FromAgent::Done { id, outcome }) => (id, *outcome),
            other => panic!("{other:?} came in place of an outcome"),
        }
    }

    fn hang_up(mut self) -> Result<(), ServeError> {
        self.to = None;
        let result = self.agent.join().unwrap();
        self.scratch.remove();
        result
    }
}

fn blob(bytes: &[u8], data: BlobData) -> Blob {
    Blob { name: "content".into(), hash: *blake3::hash(bytes).as_bytes(), size: bytes.len() as u64, data }
}

#[test]
fn requests_are_answered_in_order() {
    let mut controller = Controller::greeted();
    for id in 0..20 {
        controller.send(&ToAgent::Run(Controller::ping(id, &format!("n{id}"))));
    }
    for expected in 0..20 {
        let (id, outcome) = controller.outcome();
        assert_eq!(id, expected);
        assert_eq!(outcome.values()["ping"], format!("n{id}"));
    }
    controller.hang_up().unwrap();
}

#[test]
fn failures_are_outcomes() {
    let mut controller = Controller::greeted();
    controller.send(&ToAgent::Run(Controller::ping(1, "crash")));
    assert_eq!(controller.outcome().1.msg.as_deref(), Some("Task failed: Module failed: boom"));
    let mut unknown = Controller::ping(2, "x");
    unknown.module = "no.such.module".into();
    controller.send(&ToAgent::Run(unknown));
    let (_, outcome) = controller.outcome();
    assert!(outcome.failed && outcome.msg.unwrap().contains("no.such.module"));
    controller.hang_up().unwrap();
}

#[test]
fn another_version_is_refused_with_a_reason() {
    let mut controller = Controller::silent();
    controller.hello(PROTOCOL_VERSION + 1);
    let Some(FromAgent::Fatal { message }) = controller.receive() else { panic!("not refused") };
    assert!(message.contains("version"), "{message}");
    assert!(matches!(controller.hang_up(), Err(ServeError::Hello(_))));
}

#[test]
fn garbage_is_refused_with_a_reason() {
    let mut controller = Controller::greeted();
    controller.to.as_mut().unwrap().write_all(&u32::MAX.to_le_bytes()).unwrap();
    let Some(FromAgent::Fatal { message }) = controller.receive() else { panic!("not refused") };
    assert!(message.contains("over the limit"), "{message}");
    assert!(controller.hang_up().is_err());
}

#[test]
fn contents_are_checked_and_their_spool_goes() {
    let mut controller = Controller::greeted();
    let bytes: Vec<u8> = (0..600_000u32).map(|n| (n % 251) as u8).collect();
    let pieces: Vec<_> = bytes.chunks(frame::CHUNK).collect();
    for (spool, damage) in [(7, false), (8, true)] {
        for (at, piece) in pieces.iter().enumerate() {
            let mut data = lz4_flex::compress_prepend_size(piece);
            if damage && at == 1 {
                data = lz4_flex::compress_prepend_size(&piece[1..]);
            }
            controller.send(&ToAgent::BlobChunk { blob: spool, data, last: at + 1 == pieces.len() });
        }
        let mut request = Controller::ping(spool, "x");
        request.blobs = vec![blob(&bytes, BlobData::Spooled(spool))];
        controller.send(&ToAgent::Run(request));
        let (_, outcome) = controller.outcome();
        assert_eq!(outcome.failed, damage, "{:?}", outcome.msg);
        if damage {
            assert!(outcome.msg.unwrap().contains("damaged"));
        }
    }
    let mut missing = Controller::ping(9, "x");
    missing.blobs = vec![blob(b"x", BlobData::Spooled(99))];
    controller.send(&ToAgent::Run(missing));
    assert!(controller.outcome().1.msg.unwrap().contains("did not come"));
    // Another request's turn has come, so the contents of those before are gone.
    controller.send(&ToAgent::Run(Controller::ping(10, "x")));
    controller.outcome();
    let left: Vec<_> = std::fs::read_dir(controller.scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("content-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    controller.hang_up().unwrap();
}

#[test]
fn a_piece_that_claims_to_be_huge_is_not_believed() {
    let mut controller = Controller::greeted();
    let mut bomb = lz4_flex::compress_prepend_size(b"x");
    bomb[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    controller.send(&ToAgent::BlobChunk { blob: 1, data: bomb.clone(), last: true });
    for (id, data) in [(1, BlobData::Spooled(1)), (2, BlobData::Inline(bomb))] {
        let mut request = Controller::ping(id, "x");
        request.blobs = vec![blob(b"x", data)];
        controller.send(&ToAgent::Run(request));
        let message = controller.outcome().1.msg.unwrap();
        assert!(message.contains("over the limit"), "{message}");
    }
    controller.hang_up().unwrap();
}

#[test]
fn a_request_cancelled_before_its_turn_does_not_run() {
    let mut controller = Controller::greeted();
    controller.send(&ToAgent::Cancel { id: 5 });
    controller.send(&ToAgent::Run(Controller::ping(5, "x")));
    let (id, outcome) = controller.outcome();
    assert!(id == 5 && outcome.failed);
    controller.send(&ToAgent::Run(Controller::ping(6, "x")));
    assert!(!controller.outcome().1.failed);
    controller.hang_up().unwrap();
}
