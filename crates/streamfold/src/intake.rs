//! Bodies of requests: read whole, within a time and within a budget of bytes over all connections. Knows no sockets and
//! nothing of what is in a body.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::{fmt::Display, future::poll_fn, task::Poll, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// How long a body may take.
const BODY_WAIT: Duration = Duration::from_secs(60);
/// How long its next piece may take: who stops in the middle of a request keeps nobody else waiting for longer.
const PIECE_WAIT: Duration = Duration::from_secs(10);
/// Of a body that is too large, this much is read to its end, so that the client gets to see the answer.
const DISCARD_MAX: usize = 256 << 20;
/// Bodies up to this never wait for larger ones.
const SMALL_BYTES_MAX: usize = 16 << 10;
/// The part of the memory that bodies of either kind may take together. Decoded, a body takes several times its bytes.
const MEMORY_SHARE: usize = 16;

/// Room for bodies under way. A request takes the room for its whole body before the body is read, so that those which
/// wait hold nothing, and gives it back when it is answered.
pub struct Intake {
    small: Semaphore,
    large: Semaphore,
    large_bytes: usize,
}

/// Why there is no whole body.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    Broken(String),
}

impl Intake {
    /// With its part of this much memory; a body of `bytes_max` has room whatever that is.
    pub fn new(memory: usize, bytes_max: usize) -> Intake {
        let bytes = memory / MEMORY_SHARE;
        let large_bytes = bytes.max(bytes_max);
        Intake { small: Semaphore::new(bytes.max(SMALL_BYTES_MAX)), large: Semaphore::new(large_bytes), large_bytes }
    }

    /// The whole body, in one piece, and the room it takes. Waits until there is room: the client feels it as a server
    /// that does not read on. A `packed` one may come to any length.
    pub async fn take<B>(
        &self,
        body: B,
        bytes_max: usize,
        packed: bool,
    ) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Unread>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        // One without a length counts as the longest. A longer one is thrown away as it comes and takes no room.
        let length = body.size_hint().upper().map_or(bytes_max, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let room = match length {
            length if length > bytes_max => None,
            _ if packed => Some(self.room(bytes_max).await),
            length => Some(self.room(length).await),
        };
        let read = within(BODY_WAIT, read(body, bytes_max)).await?;
        Ok((read?, room))
    }

    async fn room(&self, bytes: usize) -> SemaphorePermit<'_> {
        let pool = if bytes <= SMALL_BYTES_MAX { &self.small } else { &self.large };
        let bytes = u32::try_from(bytes.min(self.large_bytes)).expect("a body has less than 4 GB");
        pool.acquire_many(bytes).await.expect("the semaphore is never closed")
    }
}

/// Most bodies come along with their heads: no clock is started for what is there.
async fn within<T>(wait: Duration, arriving: impl Future<Output = T>) -> Result<T, Unread> {
    let mut arriving = std::pin::pin!(arriving);
    if let Poll::Ready(there) = poll_fn(|ctx| Poll::Ready(arriving.as_mut().poll(ctx))).await {
        return Ok(there);
    }
    timeout(wait, arriving).await.map_err(|_| late(wait))
}

fn late(wait: Duration) -> Unread {
    Unread::Broken(format!("the body did not arrive within {} s", wait.as_secs()))
}

async fn read<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = within(PIECE_WAIT, body.frame()).await? {
        let frame = frame.map_err(|error| Unread::Broken(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > DISCARD_MAX {
            return Err(Unread::TooLarge);
        }
        if length > bytes_max {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            // Most bodies arrive in one piece, which is then the body, without a copy.
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    match length {
        length if length > bytes_max => Err(Unread::TooLarge),
        _ if rest.is_empty() => Ok(first),
        _ => Ok(rest.freeze()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Empty, Full};
    use hyper::body::{Frame, SizeHint};
    use std::{convert::Infallible, pin::Pin, task::Context};

    const MAX: usize = 1 << 20;

    /// A body of which one piece comes and then nothing more.
    struct Half {
        piece: Option<Bytes>,
        length: Option<u64>,
    }

    impl Body for Half {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.piece.take() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => Poll::Pending,
            }
        }

        fn size_hint(&self) -> SizeHint {
            self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
        }
    }

    fn half(length: impl Into<Option<u64>>) -> Half {
        Half { piece: Some(Bytes::from_static(b"{")), length: length.into() }
    }

    fn whole(bytes: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![b' '; bytes]))
    }

    /// Runs with a clock that jumps whenever everybody waits for it.
    fn run<T>(test: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().expect("a runtime").block_on(test)
    }

    #[test]
    fn bodies_have_room_one_after_the_other_and_give_it_back() {
        run(async {
            let intake = Intake::new(0, MAX);
            let (body, room) = intake.take(whole(MAX - 10), MAX, false).await.expect("there is room");
            assert_eq!((body.len(), intake.large.available_permits()), (MAX - 10, 10));
            let second = intake.take(whole(MAX), MAX, false);
            assert!(timeout(Duration::from_secs(3600), second).await.is_err(), "there is no room for it");
            let (small, _) =
                intake.take(whole(SMALL_BYTES_MAX), MAX, false).await.expect("small ones have room of their own");
            assert_eq!(small.len(), SMALL_BYTES_MAX);
            drop(room);
            let (_, room) = intake.take(whole(1), MAX, true).await.expect("there is room again");
            assert_eq!(intake.large.available_permits(), 0, "it may come to anything once unpacked");
            drop(room);
            assert!(intake.take(whole(MAX), MAX, false).await.is_ok());
            assert_eq!(intake.large.available_permits(), MAX);
        });
    }

    #[test]
    fn who_stops_in_the_middle_keeps_others_waiting_for_ten_seconds_at_most() {
        run(async {
            let intake = Intake::new(0, MAX);
            let start = tokio::time::Instant::now();
            for length in [Some(MAX as u64), None] {
                let stopped = intake.take(half(length), MAX, false);
                let waiting = async {
                    tokio::task::yield_now().await;
                    intake.take(whole(MAX), MAX, false).await.map(|(body, _)| body.len())
                };
                let (stopped, waiting) = tokio::join!(stopped, waiting);
                assert_eq!(stopped.map(|_| ()), Err(late(PIECE_WAIT)));
                assert_eq!(waiting, Ok(MAX));
            }
            assert_eq!(start.elapsed().as_secs(), 20);
        });
    }

    #[test]
    fn a_body_that_is_too_large_takes_no_room() {
        run(async {
            let intake = Intake::new(0, MAX);
            assert_eq!(intake.take(whole(MAX + 1), MAX, false).await.map(|_| ()), Err(Unread::TooLarge));
            let (empty, _) = intake.take(Empty::new(), MAX, false).await.expect("nothing is there to be read");
            assert!(empty.is_empty());
        });
    }
}
