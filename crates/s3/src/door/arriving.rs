//! A request's body on its way in: not for ever, and without what clients wrap around the bytes.
//!
//! AWS's clients may send a body in chunks of their own (`aws-chunked`), each perhaps signed, checksums behind them. s3s
//! takes such a body apart where it checks signatures, but holds each chunk whole while it does. Here chunks are looked at
//! before: unsigned ones are cut into small ones as they come, signed ones have a limit. Where no signatures are checked,
//! s3s does not take it apart at all, and this does.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// How long the next piece of a body may take.
const PIECE_WAIT: Duration = Duration::from_secs(20);
/// What is left of a body when its request was answered is read to its end, so much of it and so long.
const DRAINED_MAX: usize = 1 << 20;
const DRAIN_WAIT: Duration = Duration::from_secs(1);
/// Longest line that announces a chunk, and longest trailers.
const LINE_BYTES_MAX: usize = 1024;
const TRAILER_BYTES_MAX: usize = 16 << 10;
/// Largest signed chunk: it is held until its signature was checked. Clients send 64 or 128 KB.
const SIGNED_CHUNK_MAX: u64 = 2 << 20;

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("no piece of the body came for {} s", PIECE_WAIT.as_secs())]
    Late,
    #[error("the body is not aws-chunked as announced: {0}")]
    Malformed(&'static str),
    #[error("the body ended before its last chunk")]
    Incomplete,
    #[error("the body broke off: {0}")]
    Broken(s3s::StdError),
}

/// What is done with the chunks of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// Taken off; the trailers are kept.
    TakeOff,
    /// Made small.
    Cut,
    /// Left as they are, for their signatures.
    Limit,
}

/// What came behind the chunks.
pub(super) type Trailers = Arc<Mutex<HeaderMap>>;

/// What of a body nobody read, once whoever had it is done.
pub(super) struct Rest<B>(Arc<Mutex<Left<B>>>);

enum Left<B> {
    Nothing,
    /// The client waits to be asked for it.
    Unasked,
    Body(B),
}

impl<B> Rest<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// Reads what is left, so that the connection can take another request. `false`: it cannot.
    pub async fn drain(self) -> bool {
        let left = std::mem::replace(&mut *self.0.lock().expect("no holder panics"), Left::Nothing);
        let mut body = match left {
            Left::Nothing => return true,
            Left::Unasked => return false,
            Left::Body(body) => body,
        };
        let mut bytes = 0;
        let read = async {
            loop {
                match std::future::poll_fn(|ctx| Pin::new(&mut body).poll_frame(ctx)).await {
                    None => return true,
                    Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
                    Some(Err(_)) => return false,
                }
                if bytes > DRAINED_MAX {
                    return false;
                }
            }
        };
        timeout(DRAIN_WAIT, read).await.unwrap_or(false)
    }
}

/// A body as it arrives. What is left of it when it is dropped can be drained.
pub(super) struct Arriving<B: Body> {
    /// There until it is dropped.
    body: Option<B>,
    rest: Rest<B>,
    /// A client that wants to be asked for its body was not asked yet, and need not be.
    unasked: bool,
    /// `None`: nothing is to come.
    patience: Option<Pin<Box<Sleep>>>,
    chunks: Option<Chunked>,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl<B: Body<Data = Bytes> + Unpin> Arriving<B> {
    /// `unasked`: the client waits to be asked for its body.
    pub fn new(body: B, chunks: Option<Chunks>, trailers: Trailers, unasked: bool) -> Arriving<B> {
        let patience = (!body.is_end_stream()).then(|| Box::pin(sleep(PIECE_WAIT)));
        let chunks = chunks.map(|chunks| Chunked::new(chunks, trailers));
        let rest = Rest(Arc::new(Mutex::new(Left::Nothing)));
        Arriving { body: Some(body), rest, unasked, patience, chunks, ready: VecDeque::new(), ended: false }
    }

    /// What will be left of it.
    pub fn rest(&self) -> Rest<B> {
        Rest(self.rest.0.clone())
    }

    fn body(&self) -> &B {
        self.body.as_ref().expect("there until it is dropped")
    }

    /// The next frame of the inner body, or what became of waiting for it.
    fn poll_inner(&mut self, ctx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unread>>>
    where
        B::Error: Into<s3s::StdError>,
    {
        self.unasked = false;
        match Pin::new(self.body.as_mut().expect("there until it is dropped")).poll_frame(ctx) {
            Poll::Ready(frame) => {
                if let Some(patience) = &mut self.patience {
                    patience.as_mut().reset(Instant::now() + PIECE_WAIT);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| Unread::Broken(error.into()))))
            }
            Poll::Pending => {
                if let Some(patience) = &mut self.patience {
                    ready!(patience.as_mut().poll(ctx));
                    return Poll::Ready(Some(Err(Unread::Late)));
                }
                Poll::Pending
            }
        }
    }
}

impl<B> Body for Arriving<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<s3s::StdError>,
{
    type Data = Bytes;
    type Error = Unread;

    fn poll_frame(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unread>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let frame = ready!(this.poll_inner(ctx));
            let Some(chunked) = &mut this.chunks else { return Poll::Ready(frame) };
            let done = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => chunked.take(data, &mut this.ready),
                    // Trailers of HTTP's own chunks say nothing here.
                    Err(_) => Ok(()),
                },
                Some(Err(error)) => Err(error),
                None => {
                    this.ended = true;
                    chunked.end()
                }
            };
            if let Err(error) = done {
                this.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && (self.ended || self.chunks.is_none() && self.body().is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        // s3s reads the length of a body of chunks from a header.
        if self.chunks.is_some() { SizeHint::new() } else { self.body().size_hint() }
    }
}

impl<B: Body> Drop for Arriving<B> {
    fn drop(&mut self) {
        let left = match self.body.take() {
            Some(body) if body.is_end_stream() => Left::Nothing,
            Some(_) if self.unasked => Left::Unasked,
            Some(body) => Left::Body(body),
            None => Left::Nothing,
        };
        *self.rest.0.lock().expect("no holder panics") = left;
    }
}

/// Where in a body of chunks one is.
enum At {
    /// The line that announces a chunk, as far as it came.
    Line,
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// So many bytes of the line end behind it are to come.
    LineEnd(usize),
    /// Lines behind the last chunk.
    Trailers,
    Done,
}

/// Reads a body of chunks.
struct Chunked {
    chunks: Chunks,
    at: At,
    line: Vec<u8>,
    trailer_bytes: usize,
    trailers: Trailers,
}

impl Chunked {
    fn new(chunks: Chunks, trailers: Trailers) -> Chunked {
        Chunked { chunks, at: At::Line, line: Vec::new(), trailer_bytes: 0, trailers }
    }

    fn take(&mut self, bytes: Bytes, out: &mut VecDeque<Bytes>) -> Result<(), Unread> {
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            match self.at {
                At::Line | At::Trailers => self.take_line(&mut rest, out)?,
                At::Data(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    self.give(rest.split_to(count), out);
                    let left = left - count as u64;
                    self.at = if left == 0 { At::LineEnd(2) } else { At::Data(left) };
                }
                At::LineEnd(left) => {
                    if rest.split_to(1)[0] != b"\r\n"[2 - left] {
                        return Err(Unread::Malformed("a chunk is longer than announced"));
                    }
                    self.at = if left == 1 { At::Line } else { At::LineEnd(left - 1) };
                }
                At::Done => return Err(Unread::Malformed("something follows the last chunk")),
            }
        }
        if self.chunks == Chunks::Limit {
            out.push_back(bytes);
        }
        Ok(())
    }

    /// Bytes of a chunk.
    fn give(&self, bytes: Bytes, out: &mut VecDeque<Bytes>) {
        match self.chunks {
            Chunks::TakeOff => out.push_back(bytes),
            Chunks::Cut => {
                out.push_back(format!("{:x}\r\n", bytes.len()).into());
                out.push_back(bytes);
                out.push_back(Bytes::from_static(b"\r\n"));
            }
            Chunks::Limit => {}
        }
    }

    /// Takes bytes up to the end of a line.
    fn take_line(&mut self, rest: &mut Bytes, out: &mut VecDeque<Bytes>) -> Result<(), Unread> {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(rest.len(), |end| end + 1);
        if self.line.len() + count > LINE_BYTES_MAX {
            return Err(Unread::Malformed("a line is too long"));
        }
        self.line.extend_from_slice(&rest.split_to(count));
        if end.is_none() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(&line);
        if matches!(self.at, At::Line) {
            self.announced(text)?;
        } else {
            self.trailer(text)?;
        }
        // From the last chunk on everything is as it came.
        if self.chunks == Chunks::Cut && matches!(self.at, At::Trailers | At::Done) {
            out.push_back(line.into());
        }
        Ok(())
    }

    /// `SIZE` or `SIZE;chunk-signature=…`, hexadecimal.
    fn announced(&mut self, line: &[u8]) -> Result<(), Unread> {
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let size = size.ok_or(Unread::Malformed("a chunk's size is no number"))?;
        if self.chunks == Chunks::Limit && size > SIGNED_CHUNK_MAX {
            return Err(Unread::Malformed("a signed chunk has more than 2 MB"));
        }
        self.at = if size == 0 { At::Trailers } else { At::Data(size) };
        Ok(())
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), Unread> {
        self.trailer_bytes += line.len();
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(Unread::Malformed("the trailers are too long"));
        }
        if line.is_empty() {
            self.at = At::Done;
            return Ok(());
        }
        let malformed = || Unread::Malformed("a trailer is no header");
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| malformed())?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| malformed())?;
        self.trailers.lock().expect("no holder panics").append(name, value);
        Ok(())
    }

    fn end(&self) -> Result<(), Unread> {
        match self.at {
            At::Trailers | At::Done => Ok(()),
            _ => Err(Unread::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a body that comes in pieces of so many bytes.
    fn read(chunks: Chunks, body: &str, piece: usize) -> Result<(String, Vec<String>), String> {
        let trailers = Trailers::default();
        let mut chunked = Chunked::new(chunks, trailers.clone());
        let mut out = VecDeque::new();
        for bytes in body.as_bytes().chunks(piece) {
            chunked.take(Bytes::copy_from_slice(bytes), &mut out).map_err(|error| error.to_string())?;
        }
        chunked.end().map_err(|error| error.to_string())?;
        let text = String::from_utf8(out.into_iter().flatten().collect()).expect("text");
        let trailers = trailers.lock().unwrap();
        let trailers = trailers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap()));
        Ok((text, trailers.collect()))
    }

    const BODY: &str = "5\r\nhello\r\n1;chunk-signature=ab\r\n!\r\n0\r\nx-amz-checksum-crc32: AAAA==\r\n\r\n";

    #[test]
    fn chunks_are_taken_off_however_they_come() {
        for piece in [1, 2, 3, 7, 1000] {
            let (text, trailers) = read(Chunks::TakeOff, BODY, piece).expect("well-formed");
            assert_eq!((&*text, &trailers[..]), ("hello!", &["x-amz-checksum-crc32=AAAA==".to_owned()][..]));
            let (again, _) =
                read(Chunks::Cut, BODY, piece).and_then(|(cut, _)| read(Chunks::TakeOff, &cut, 5)).unwrap();
            assert_eq!(again, "hello!", "cut chunks are chunks");
            assert_eq!(read(Chunks::Limit, BODY, piece).expect("well-formed").0, BODY);
        }
        assert_eq!(read(Chunks::TakeOff, "0\r\n\r\n", 9).expect("well-formed"), (String::new(), vec![]));
    }

    #[test]
    fn a_body_that_is_not_what_it_says_is_refused() {
        let refused = |chunks, body: &str| read(chunks, body, 3).expect_err("malformed");
        for body in ["", "5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0"] {
            assert_eq!(refused(Chunks::TakeOff, body), "the body ended before its last chunk", "{body:?}");
        }
        for body in ["x\r\n", "\r\n", "5\r\nhello!\r\n0\r\n\r\n", "0\r\nno header\r\n\r\n", "0\r\n\r\nmore"] {
            assert!(refused(Chunks::Cut, body).contains("not aws-chunked"), "{body:?}");
        }
        assert!(refused(Chunks::Cut, &"1".repeat(LINE_BYTES_MAX + 1)).contains("too long"));
        assert!(refused(Chunks::Limit, "200001;chunk-signature=a\r\n").contains("2 MB"));
    }

    #[test]
    fn who_stops_in_the_middle_is_not_waited_for_for_ever() {
        struct Half(Option<Bytes>);
        impl Body for Half {
            type Data = Bytes;
            type Error = std::convert::Infallible;
            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
                self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece)))))
            }
        }
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        clock.block_on(async {
            let mut body = Arriving::new(
                Half(Some(Bytes::from_static(b"5\r\nhe"))),
                Some(Chunks::TakeOff),
                Trailers::default(),
                false,
            );
            let start = Instant::now();
            let mut next = async || std::future::poll_fn(|ctx| Pin::new(&mut body).poll_frame(ctx)).await;
            assert_eq!(next().await.unwrap().unwrap().into_data().unwrap(), "he");
            assert!(matches!(next().await, Some(Err(Unread::Late))));
            assert_eq!(start.elapsed(), PIECE_WAIT);
            assert!(next().await.is_none());
        });
    }
}
