//! Sums of contents: MD5 for the ETag, the checksums that clients send along, and those of an object made of parts.

use crate::{
    Error,
    blobs::hex,
    error::Refusal::{self, BadDigest, IncompleteBody, PayloadHash},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};

/// A checksum that a client may send and ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What a checksum is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumKind {
    FullObject,
    /// Of the checksums of the parts.
    Composite,
}

/// An object's or a part's checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    pub algorithm: Algorithm,
    /// Base64; of a composite one, with the number of parts behind a dash.
    pub value: String,
    pub kind: ChecksumKind,
}

/// What a sender says about the bytes it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub length: Option<u64>,
    pub md5: Option<Vec<u8>>,
    /// The hash that was signed.
    pub payload: Option<Vec<u8>>,
    /// Base64.
    pub checksum: Option<(Algorithm, String)>,
}

impl Algorithm {
    pub const ALL: [Algorithm; 5] =
        [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

    /// S3's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    #[must_use]
    pub fn of_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The kind that an upload in parts gets unless it asks for one.
    #[must_use]
    pub fn usual_kind(self) -> ChecksumKind {
        if self == Algorithm::Crc64Nvme { ChecksumKind::FullObject } else { ChecksumKind::Composite }
    }

    /// Whether parts' checksums of this algorithm can be used for a checksum of this kind.
    #[must_use]
    pub fn allows(self, kind: ChecksumKind) -> bool {
        match self {
            Algorithm::Crc64Nvme => kind == ChecksumKind::FullObject,
            Algorithm::Sha1 | Algorithm::Sha256 => kind == ChecksumKind::Composite,
            Algorithm::Crc32 | Algorithm::Crc32c => true,
        }
    }
}

impl ChecksumKind {
    /// S3's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ChecksumKind::FullObject => "FULL_OBJECT",
            ChecksumKind::Composite => "COMPOSITE",
        }
    }

    #[must_use]
    pub fn of_name(name: &str) -> Option<ChecksumKind> {
        [ChecksumKind::FullObject, ChecksumKind::Composite].into_iter().find(|kind| kind.name() == name)
    }
}

/// A checksum being made.
enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Crc32 => Hasher::Crc32(Crc32::new()),
            Algorithm::Crc32c => Hasher::Crc32c(Crc32c::new()),
            Algorithm::Crc64Nvme => Hasher::Crc64Nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Hasher::Sha1(Sha1::new()),
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Crc32(hasher) => hasher.update(bytes),
            Hasher::Crc32c(hasher) => hasher.update(bytes),
            Hasher::Crc64Nvme(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Hasher::Crc32(hasher) => hasher.finalize().to_vec(),
            Hasher::Crc32c(hasher) => hasher.finalize().to_vec(),
            Hasher::Crc64Nvme(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// Sums of bytes that pass by.
pub(crate) struct Sums {
    md5: Md5,
    payload: Option<Sha256>,
    checksum: Option<(Algorithm, Hasher)>,
}

/// Sums of all bytes.
pub(crate) struct Summed {
    md5: Vec<u8>,
    payload: Option<Vec<u8>>,
    pub checksum: Option<Checksum>,
}

impl Sums {
    /// `payload`: the hash that was signed is to be checked.
    pub fn new(algorithm: Option<Algorithm>, payload: bool) -> Sums {
        Sums {
            md5: Md5::new(),
            payload: payload.then(Sha256::new),
            checksum: algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm))),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some(payload) = &mut self.payload {
            payload.update(bytes);
        }
        self.update_checksum(bytes);
    }

    /// Where the MD5 is not wanted.
    pub fn update_checksum(&mut self, bytes: &[u8]) {
        if let Some((_, hasher)) = &mut self.checksum {
            hasher.update(bytes);
        }
    }

    pub fn take_checksum(&mut self) -> Option<Checksum> {
        self.checksum.take().map(|(algorithm, hasher)| Checksum {
            algorithm,
            value: STANDARD.encode(hasher.finish()),
            kind: ChecksumKind::FullObject,
        })
    }

    pub fn finish(mut self) -> Summed {
        let checksum = self.take_checksum();
        Summed {
            md5: self.md5.finalize().to_vec(),
            payload: self.payload.map(|payload| payload.finalize().to_vec()),
            checksum,
        }
    }
}

impl Summed {
    pub fn etag(&self) -> String {
        hex(&self.md5)
    }

    /// Whether the bytes are those that were sent.
    pub fn check(&self, length: u64, claims: &Claims) -> Result<(), Error> {
        if let Some(expected) = claims.length.filter(|expected| *expected != length) {
            let message = format!("{expected} bytes were announced and {length} came");
            return Err(Error::invalid(IncompleteBody, message));
        }
        if claims.md5.as_ref().is_some_and(|md5| *md5 != self.md5) {
            return Err(mismatch(BadDigest, "Content-MD5"));
        }
        if claims.payload.is_some() && claims.payload != self.payload {
            return Err(mismatch(PayloadHash, "x-amz-content-sha256"));
        }
        match (&claims.checksum, &self.checksum) {
            (Some((algorithm, value)), Some(found)) if *algorithm == found.algorithm && *value == found.value => Ok(()),
            (None, _) => Ok(()),
            (Some((algorithm, _)), _) => {
                let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
                Err(Error::invalid(BadDigest, message))
            }
        }
    }
}

fn mismatch(refusal: Refusal, header: &str) -> Error {
    Error::invalid(refusal, format!("The {header} you specified did not match what we received."))
}

/// The ETag of an object made of parts: the MD5 of their MD5s, and how many there are.
pub(crate) fn etag_of_parts<'e>(etags: impl ExactSizeIterator<Item = &'e str>) -> String {
    let count = etags.len();
    let mut md5 = Md5::new();
    etags.for_each(|etag| md5.update(&crate::blobs::unhex(etag).unwrap_or_default()));
    format!("{}-{count}", hex(&md5.finalize()))
}

/// The checksum of the checksums of parts.
pub(crate) fn composite<'v>(algorithm: Algorithm, values: impl ExactSizeIterator<Item = &'v str>) -> Checksum {
    let count = values.len();
    let mut hasher = Hasher::new(algorithm);
    values.for_each(|value| hasher.update(&STANDARD.decode(value).unwrap_or_default()));
    let value = format!("{}-{count}", STANDARD.encode(hasher.finish()));
    Checksum { algorithm, value, kind: ChecksumKind::Composite }
}
