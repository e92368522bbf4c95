//! The verifier's own reading of the layout in `docs/format.md`, version 1.

use ring::digest::{SHA256, digest};
use std::io::{self, Read};

pub(super) type Link = [u8; 32];

/// A segment's header: 112 bytes.
pub(super) struct Segment {
    pub(super) log: [u8; 16],
    pub(super) first: u64,
    pub(super) epoch: u64,
    pub(super) previous: Link,
    /// The chain value its first entry continues from.
    pub(super) link: Link,
}

/// An entry as it stands: 80 bytes of header, the body, 32 bytes of chain value.
pub(super) struct Entry {
    header: [u8; 80],
    pub(super) body: Vec<u8>,
    pub(super) link: Link,
}

/// What reading the next entry gave.
pub(super) enum Next {
    Entry(Box<Entry>),
    /// The segment ends here, as it should.
    End,
    /// The segment ends within an entry.
    Short,
    /// These bytes begin no entry.
    Foreign,
}

const SEGMENT_DOMAIN: &str = "healthcare-audit segment v1\n";
const ENTRY_DOMAIN: &str = "healthcare-audit entry v1\n";
const LONGEST_BODY: u32 = 1_048_576;

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    out
}

fn hash(parts: &[&[u8]]) -> Link {
    number(digest(&SHA256, &parts.concat()).as_ref(), 0)
}

/// Fills as much of `into` as there is.
fn fill(from: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl Segment {
    /// The header, or nothing when these are not 112 bytes of one.
    pub(super) fn read(from: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; 112];
        let whole = fill(from, &mut bytes)? == 112;
        let title = number::<16>(&bytes, 0) == *b"HCAUDIT\n\x01\0\0\0\0\0\0\0";
        let link = number(&bytes, 80);
        let fields: [u8; 80] = number(&bytes, 0);
        let good = whole && title && hash(&[SEGMENT_DOMAIN.as_bytes(), &fields]) == link;
        Ok(good.then(|| Self {
            log: number(&bytes, 16),
            first: u64::from_be_bytes(number(&bytes, 32)),
            epoch: u64::from_be_bytes(number(&bytes, 40)),
            previous: number(&bytes, 48),
            link,
        }))
    }
}

impl Entry {
    pub(super) fn read(from: &mut dyn Read) -> io::Result<Next> {
        let mut header = [0; 80];
        match fill(from, &mut header)? {
            0 => return Ok(Next::End),
            80 => {}
            _ => return Ok(Next::Short),
        }
        let length = u32::from_be_bytes(number(&header, 8));
        if number::<4>(&header, 0) != *b"HAE\x01" || length > LONGEST_BODY {
            return Ok(Next::Foreign);
        }
        let mut body = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let mut link = [0; 32];
        if fill(from, &mut body)? != body.len() || fill(from, &mut link)? != 32 {
            return Ok(Next::Short);
        }
        Ok(Next::Entry(Box::new(Self { header, body, link })))
    }

    /// The chain value that header and body give after this one.
    pub(super) fn computed(&self, previous: &Link) -> Link {
        hash(&[ENTRY_DOMAIN.as_bytes(), previous, &self.header, &self.body])
    }
    pub(super) fn kind(&self) -> u8 {
        number::<1>(&self.header, 4).into_iter().sum()
    }
    fn flags(&self) -> u8 {
        number::<1>(&self.header, 5).into_iter().sum()
    }
    pub(super) fn sequence(&self) -> u64 {
        u64::from_be_bytes(number(&self.header, 16))
    }
    pub(super) fn epoch(&self) -> u64 {
        u64::from_be_bytes(number(&self.header, 24))
    }
    pub(super) fn batch(&self) -> u64 {
        u64::from_be_bytes(number(&self.header, 32))
    }
    /// The number a log's own entry carries: refused events, or dropped bytes.
    pub(super) fn count(&self) -> u64 {
        u64::from_be_bytes(number(&self.body, 0))
    }

    /// Whether an opening's hash is there exactly when it cut something.
    fn hashes_what_it_cut(&self) -> bool {
        (self.count() == 0) == (number::<32>(&self.body, 8) == [0; 32])
    }

    /// Whether kind, flags, spare bytes and body are ones that a writer writes.
    pub(super) fn is_canonical(&self) -> bool {
        let spare = number::<2>(&self.header, 6) == [0, 0];
        let nameless = number::<32>(&self.header, 40) == [0; 32] && number::<4>(&self.header, 12) == [0; 4];
        let own = nameless && self.flags() == 0;
        spare
            && match self.kind() {
                1 => self.flags() <= 1 && !self.body.is_empty(),
                2 => own && self.body.len() == 40 && self.hashes_what_it_cut(),
                3 => own && self.body.len() == 8 && self.count() > 0,
                4 => own && self.body.is_empty(),
                _ => false,
            }
    }
}

/// Whether nothing is left.
pub(super) fn is_at_end(from: &mut dyn Read) -> io::Result<bool> {
    Ok(fill(from, &mut [0])? == 0)
}

/// Reads what is left and gives its last 32 bytes after `before`.
pub(super) fn last_link(from: &mut dyn Read, before: Link) -> io::Result<Link> {
    let mut tail = before.to_vec();
    let mut chunk = [0; 8_192];
    loop {
        let read = fill(from, &mut chunk)?;
        tail.extend_from_slice(chunk.get(..read).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(32));
        if read < chunk.len() {
            return Ok(number(&tail, 0));
        }
    }
}
