#![allow(clippy::unwrap_used)]

use super::*;

/// What an agent says that is not to be trusted, and how it ends.
async fn hostile(credit: u32, streams: bool, says: &[FromAgent]) -> (Option<AgentError>, usize) {
    let state: Arc<Mutex<State>> = Arc::default();
    let (answers, mut taken) = mpsc::channel(WAITING);
    lock(&state).waiting.insert(7, Waiting { answers, streams, credit });
    let reader = Reader {
        host: "h".to_owned(),
        state: Arc::clone(&state),
        decoder: Decoder::default(),
        greeting: None,
        said: Vec::new(),
        exit: None,
        fatal: None,
    };
    let (events, queue) = mpsc::channel(WAITING);
    let bytes: Vec<u8> = says.iter().flat_map(|message| frame::encode(message).unwrap()).collect();
    events.send(Event::Stdout(bytes.into())).await.unwrap();
    drop(events);
    reader.run(bytes::Bytes::new(), queue).await;
    let mut count = 0;
    while taken.recv().await.is_some() {
        count += 1;
    }
    let dead = lock(&state).dead.clone();
    (dead, count)
}

fn chunk(size: usize) -> FromAgent {
    FromAgent::ContentChunk { id: 7, index: 0, data: vec![0; size], last: false }
}

#[tokio::test]
async fn no_more_comes_than_there_is_credit_for() {
    let (dead, taken) = hostile(2, false, &[chunk(1), chunk(1), chunk(1)]).await;
    assert!(
        matches!(&dead, Some(AgentError::Protocol { fault, .. }) if matches!(fault, ProtocolFault::NoCredit)),
        "{dead:?}"
    );
    assert_eq!(taken, 2);
}

#[tokio::test]
async fn pieces_over_the_limit_are_refused() {
    for message in
        [chunk(1 << 20), FromAgent::Output { id: 7, stream: Stream::Stdout, data: vec![0; 1 << 20] }]
    {
        let (dead, taken) = hostile(2, true, &[message]).await;
        assert!(
            matches!(&dead, Some(AgentError::Protocol { fault, .. }) if matches!(fault, ProtocolFault::Piece { .. }))
        );
        assert_eq!(taken, 0);
    }
}

#[tokio::test]
async fn output_that_nobody_wants_is_dropped() {
    let output = || FromAgent::Output { id: 7, stream: Stream::Stdout, data: vec![0; 10] };
    let (dead, taken) = hostile(2, false, &[output(), output()]).await;
    assert!(matches!(dead, Some(AgentError::ConnectionLost { .. })), "{dead:?}");
    assert_eq!(taken, 0);
    assert_eq!(hostile(2, true, &[output(), output()]).await.1, 2);
}
