//! Decompressing ahead: a thread per export that hands its text on in pieces, a few at a time.

use crate::{Error, Input, gzip::Gunzip, watch::Meter};
use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::Scope,
};

/// Text of one piece: fits a core's cache beside what works on it.
const PIECE: usize = 1 << 18;

/// Room before a piece for the beginning of a row that the piece before ended with.
const HEADROOM: usize = 1 << 12;

/// Pieces that wait to be worked on.
const AHEAD: usize = 2;

/// A piece of a file's text.
pub(crate) struct Piece {
    bytes: Vec<u8>,
    start: usize,
    /// Number of the file.
    pub file: usize,
    /// Whether the file ends with it; all of the file is verified then.
    pub last: bool,
}

impl Piece {
    pub fn text(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Puts the rest of the piece before in front.
    pub fn prepend(&mut self, rest: &[u8]) {
        if rest.len() <= self.start {
            self.start -= rest.len();
            self.bytes[self.start..self.start + rest.len()].copy_from_slice(rest);
        } else {
            let mut longer = vec![0; HEADROOM];
            longer.extend_from_slice(rest);
            longer.extend_from_slice(self.text());
            (self.bytes, self.start) = (longer, HEADROOM);
        }
    }
}

/// Pieces of all files of an export, in order.
pub(crate) struct Pieces {
    pieces: Receiver<Result<Piece, Error>>,
    used: SyncSender<Vec<u8>>,
}

impl Pieces {
    /// Begins to decompress.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        input: &'env Input,
        meter: &'env Meter<'_>,
    ) -> Pieces {
        let (sender, pieces) = sync_channel(AHEAD);
        let (used, buffers) = sync_channel(AHEAD + 2);
        scope.spawn(move || {
            if let Err(error) = decode(input, meter, &sender, &buffers) {
                // Nobody waits for it when the reader gave up.
                let _ = sender.send(Err(error));
            }
        });
        Pieces { pieces, used }
    }

    /// The next piece; `None` after the last.
    pub fn next(&mut self) -> Option<Result<Piece, Error>> {
        self.pieces.recv().ok()
    }

    /// Gives a piece back for its memory.
    pub fn recycle(&mut self, piece: Piece) {
        // When there are enough of them, it is dropped.
        let _ = self.used.try_send(piece.bytes);
    }
}

fn decode(
    input: &Input,
    meter: &Meter<'_>,
    sender: &SyncSender<Result<Piece, Error>>,
    buffers: &Receiver<Vec<u8>>,
) -> Result<(), Error> {
    for (number, file) in input.files.iter().enumerate() {
        let mut gunzip = Gunzip::open(file)?;
        let mut last = false;
        while !last {
            let mut bytes = buffers.try_recv().unwrap_or_default();
            bytes.resize(HEADROOM + PIECE, 0);
            let count = gunzip.fill(&mut bytes[HEADROOM..], meter)?;
            bytes.truncate(HEADROOM + count);
            last = count < PIECE;
            if sender.send(Ok(Piece { bytes, start: HEADROOM, file: number, last })).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
