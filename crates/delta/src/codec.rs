//! Numbers and texts as bytes, for files of our own.

/// Appends a number in seven bits a byte, lowest first.
pub(crate) fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    push_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Takes what the functions above appended; `None` where it is not there.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'b>(pub &'b [u8]);

impl<'b> Bytes<'b> {
    #[inline]
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn bytes(&mut self) -> Option<&'b [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.take(count)
    }

    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes were taken")))
    }
}

/// Texts one behind the other.
#[derive(Default)]
pub(crate) struct Texts {
    pub bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// What was appended to `bytes` since the last call is a text.
    #[inline]
    pub fn end(&mut self) -> &[u8] {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        self.ends.push(u32::try_from(self.bytes.len()).expect("texts of one piece are far below 4 GiB"));
        &self.bytes[start..]
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Reads `count` texts: their lengths, then all of them.
    pub fn read(&mut self, from: &mut Bytes<'_>, count: usize) -> Option<()> {
        let mut end = 0_u32;
        for _ in 0..count {
            end = end.checked_add(u32::try_from(from.number()?).ok()?)?;
            self.ends.push(end);
        }
        self.bytes.extend_from_slice(from.take(end as usize)?);
        Some(())
    }

    #[inline]
    pub fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }
}
