//! An object's bytes on their way out, a piece at a time and the next one read meanwhile.

use super::Shared;
use crate::Blob;
use bytes::Bytes;
use futures_core::Stream;
use s3s::{
    StdError,
    stream::{ByteStream, RemainingLength},
};
use std::{
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinHandle, spawn_blocking},
};

/// Bytes that are read at once.
pub(super) const PIECE_BYTES: u64 = 128 << 10;

/// A range of a blob.
pub(super) struct Leaving {
    blob: Blob,
    /// What is not being read yet.
    rest: Range<u64>,
    /// What was not handed over yet.
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    shared: Arc<Shared>,
    _turn: OwnedSemaphorePermit,
}

/// One piece: the bytes of a range, all of them.
pub(super) fn read(blob: &Blob, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).expect("a piece is small");
    let mut bytes = vec![0; length];
    let count = blob.read_at(&mut bytes, range.start)?;
    if count < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes.into()) }
}

impl Leaving {
    pub fn new(blob: Blob, range: Range<u64>, shared: Arc<Shared>, turn: OwnedSemaphorePermit) -> Leaving {
        let left = range.end - range.start;
        let mut leaving = Leaving { blob, rest: range, left, reading: None, shared, _turn: turn };
        leaving.read_on();
        leaving
    }

    fn read_on(&mut self) {
        let end = self.rest.end.min(self.rest.start + PIECE_BYTES);
        let range = self.rest.start..end;
        self.rest.start = end;
        self.reading = (!range.is_empty()).then(|| {
            let blob = self.blob.clone();
            spawn_blocking(move || read(&blob, range))
        });
    }
}

impl Stream for Leaving {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let piece = ready!(Pin::new(reading).poll(ctx)).map_err(StdError::from).and_then(|read| Ok(read?));
        match &piece {
            Ok(bytes) => {
                self.left -= bytes.len() as u64;
                self.shared.metrics.went(bytes.len() as u64);
                self.read_on();
            }
            Err(_) => self.reading = None,
        }
        Poll::Ready(Some(piece))
    }
}

impl ByteStream for Leaving {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.left).map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}
